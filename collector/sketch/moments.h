/* Count, mean and central moments of numbers: streaming, mergeable, 40 bytes.
 *
 * One value: Welford's update. A chunk of an array: its own mean first, then sums of powers around it (two passes over
 * memory that is in the first cache, no cancellation, vectors), then one merge.
 * Merging: P. Pebay, "Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical
 * Moments", SAND2008-6212, equations 2.1, 3.1 and the pairwise forms for p = 3 and 4. */
#ifndef HRD_MOMENTS_H
#define HRD_MOMENTS_H
#include "bytes.h"

struct hrd_moments {
    uint64_t n;
    double mean, m2, m3, m4; /* m2 = sum of (x - mean)^2, and so on */
};
void hrd_moments_add(struct hrd_moments *m, double x);
void hrd_moments_add_n(struct hrd_moments *m, double x, uint64_t count); /* the same value count times, at once */
void hrd_moments_add_array(struct hrd_moments *m, const double *x, size_t n); /* finite values */
void hrd_moments_merge(struct hrd_moments *into, const struct hrd_moments *from);
double hrd_moments_variance(const struct hrd_moments *m); /* of the sample (n - 1); NaN below two values */
double hrd_moments_stddev(const struct hrd_moments *m);
double hrd_moments_skewness(const struct hrd_moments *m); /* g1 of the population; NaN when all are equal */
double hrd_moments_kurtosis(const struct hrd_moments *m); /* excess, g2 */
void hrd_moments_put(struct hrp_buf *out, const struct hrd_moments *m);
void hrd_moments_read(struct hrp_reader *r, struct hrd_moments *ret);
#endif
