/* Bugs planted on purpose, so that a test can show that it would find them. Test builds only (HRP_FAULTS): in a release
 * hrd_plant is a constant and the code behind it is gone. */
#ifndef HRD_PLANT_H
#define HRD_PLANT_H

enum hrd_plant {
    HRD_PLANT_NONE,
    HRD_PLANT_TRIM_OFF,              /* resends are stored again */
    HRD_PLANT_TRIM_IN_WORKER,        /* trimmed against durable ranges when a batch arrives, not against staged ones */
    HRD_PLANT_ACK_BEFORE_COMMIT,     /* answered whatever became of the write */
    HRD_PLANT_RANGES_OUTSIDE_WRITE,  /* resolved ranges in a write of their own, after the rows */
    HRD_PLANT_WATERMARK,             /* the highest n stands for all below it */
};
#ifdef HRP_FAULTS
extern enum hrd_plant hrd_plant;
#else
#define hrd_plant HRD_PLANT_NONE
#endif
#endif
