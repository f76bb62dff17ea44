// What a client of Confluent's Schema Registry does, against the headraced whose address it is given.
import assert from 'node:assert/strict';
import { SchemaRegistry, SchemaType, COMPATIBILITY } from '@kafkajs/confluent-schema-registry';

const host = process.argv[2];
const registry = new SchemaRegistry({ host, retry: { retries: 0 } });
const fresh = () => new SchemaRegistry({ host, retry: { retries: 0 } }); // with an empty cache
const subject = 'shop.Order';
const order = (fields) => `syntax = "proto3";\npackage shop;\nmessage Order {\n  string id = 1;\n  int32 rating = 2;\n${fields}}\n`;
const proto = (schema) => ({ type: SchemaType.PROTOBUF, schema });
const v1 = proto(order(''));
const v2 = proto(order('  optional string note = 3;\n'));
const broken = proto(order('').replace('int32', 'string'));

// Registers: a new subject, the same once more, a next version, and one that is refused.
const one = await registry.register(v1, { subject });
assert.equal((await registry.register(v1, { subject })).id, one.id);
const two = await registry.register(v2, { subject });
assert.notEqual(two.id, one.id);
await assert.rejects(registry.register(broken, { subject }), (error) => error.status === 409 && /rating/.test(error.message));
await assert.rejects(registry.register(v2, { subject, compatibility: COMPATIBILITY.FULL }), /Compatibility does not match/);
await assert.rejects(registry.register(proto('message {'), { subject }));

// Fetches: by id, by version, the newest, and by text.
assert.equal(await fresh().getLatestSchemaId(subject), two.id);
assert.equal(await fresh().getRegistryId(subject, 1), one.id);
assert.equal(await fresh().getRegistryIdBySchema(subject, v1), one.id);
await assert.rejects(fresh().getRegistryId('shop.Nix', 1), (error) => error.status === 404);
await assert.rejects(fresh().getSchema(4711), (error) => error.status === 404);
const event = { id: 'a', rating: 5, note: 'good' };
const bytes = await registry.encode(two.id, event);
const back = await fresh().decode(bytes); // by the text that came from us
assert.deepEqual({ id: back.id, rating: back.rating, note: back.note }, event);

// Checks.
const check = async (schema) =>
  (await registry.api.Subject.compatible({ subject, version: 'latest', body: { schemaType: 'PROTOBUF', schema: schema.schema } })).data();
assert.equal((await check(v2)).is_compatible, true);
assert.equal((await check(broken)).is_compatible, false);

// A schema that imports another one.
const line = { ...proto('syntax = "proto3";\npackage shop;\nimport "shop/Order.proto";\nmessage Line {\n  Order order = 1;\n}\n'),
  references: [{ name: 'shop/Order.proto', subject, version: 2 }] };
const three = await registry.register(line, { subject: 'shop.Line' });
const nested = await registry.encode(three.id, { order: event });
assert.equal((await registry.decode(nested)).order.note, 'good');
assert.equal((await fresh().decode(nested)).order.note, 'good'); // its references come with it
console.log('ok');
