/* spmv: a sparse matrix in compressed rows times a vector. */
#include "workload.h"

u64 user_spmv(u64, u64);

void guest_main(void) {
  run_workload(&(struct workload){user_spmv, 4, 2, "nonzeros", 8, "multiplications"});
}
