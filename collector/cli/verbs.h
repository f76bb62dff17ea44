/* One object per verb, each in the file of its name. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H
struct cli_verb;
extern const struct cli_verb cli_send, cli_tail, cli_streams, cli_ledger, cli_producers, cli_export, cli_spool, cli_bench, cli_schema, cli_quarantine;
#endif
