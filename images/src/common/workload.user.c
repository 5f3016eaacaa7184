#include "workload.h"

struct workload_args workload_args;
struct workload_result workload_result;
