/* Constants shared with assembly. */
#pragma once
#define STACK_BYTES 16384
#define CPU_UNWIND_SP 0
#define FRAME_BYTES 304
#define FRAME_SP_EL0 248
#define FRAME_ELR 256
#define FRAME_SPSR 264
#define FRAME_ESR 272
#define FRAME_FAR 280
#define FRAME_VECTOR 288
#define SYS_EXIT_NUMBER 0
#ifdef __ASSEMBLER__
#define COPY_BYTES (3 * 4096) /* trap.h */
#endif
