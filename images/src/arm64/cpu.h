/* arm64: system registers, trap frame, per-CPU data. Names as in the Arm ARM (DDI 0487). */
#pragma once
#include "asm.h"
#include "guest.h"

struct frame { /* as traps.S pushes it */
  u64 x[31];
  u64 sp_el0, elr, spsr, esr, far;
  u64 vector; /* 0-15, in the order of the vector table */
  u64 unused;
};

struct cpu { /* TPIDR_EL1 points here; unwind_sp is known to traps.S */
  u64 unwind_sp;
  u64 id;
};

#define MAX_CPUS 8 /* GICv2 has no more */
extern struct cpu cpus[MAX_CPUS];
void cpu_init(unsigned id);

#define read_reg(name)                                        \
  ({                                                          \
    u64 v_;                                                   \
    __asm__ volatile("mrs %0, " #name : "=r"(v_)::"memory");  \
    v_;                                                       \
  })
#define write_reg(name, value) __asm__ volatile("msr " #name ", %0" ::"r"((u64)(value)) : "memory")
#define isb() __asm__ volatile("isb" ::: "memory")
#define dsb() __asm__ volatile("dsb sy" ::: "memory")

static inline struct cpu *this_cpu(void) { return (struct cpu *)read_reg(tpidr_el1); }

/* Synchronous exceptions other than aborts and SVC, by exception class; IRQ by on_irq. A handler
 * returns true when it has dealt with the exception. */
typedef bool (*trap_handler)(struct frame *frame);
trap_handler on_exception(unsigned ec, trap_handler handler); /* returns the one before */
void skip_operation(struct frame *frame); /* as FAULT_SKIP does */
void on_irq(trap_handler handler);

static inline u32 mmio_read(u64 pa) { return *(volatile u32 *)pa; }
static inline void mmio_write(u64 pa, u32 value) { *(volatile u32 *)pa = value; }

/* ESR_EL1. */
#define ESR_EC(esr) ((unsigned)((esr) >> 26) & 63)
#define ESR_IL BIT(25)
#define ESR_WNR BIT(6)
#define EC_SVC64 0x15
#define EC_IABT_LOW 0x20
#define EC_IABT_SAME 0x21
#define EC_DABT_LOW 0x24
#define EC_DABT_SAME 0x25
#define FSC_ADDRESS_SIZE 0x00 /* + level */
#define FSC_TRANSLATION 0x04
#define FSC_ACCESS_FLAG 0x08
#define FSC_PERMISSION 0x0c
#define FSC_EXTERNAL 0x10
#define FSC_EXTERNAL_WALK 0x14

#define PSR_I BIT(7)
#define PSR_PAN BIT(22)

/* Descriptors (stage 1). */
#define D_VALID BIT(0)
#define D_TABLE BIT(1) /* also: page, at the last level */
#define D_ATTR(n) ((u64)(n) << 2)
#define D_AP_EL0 BIT(6)
#define D_AP_RO BIT(7)
#define D_SH_INNER (3ul << 8)
#define D_AF BIT(10)
#define D_NG BIT(11)
#define D_DBM BIT(51)
#define D_CONTIGUOUS BIT(52)
#define D_PXN BIT(53)
#define D_UXN BIT(54)
#define D_ADDR 0x0000fffffffff000ul

#define ATTR_NORMAL 0
#define ATTR_DEVICE 1

/* TCR_EL1. */
#define TCR_T0SZ(n) ((u64)(n))
#define TCR_T1SZ(n) ((u64)(n) << 16)
#define TCR_EPD0 BIT(7)
#define TCR_EPD1 BIT(23)
#define TCR_WALK0 (BIT(8) | BIT(10) | BIT(12) | BIT(13)) /* write-back, inner shareable */
#define TCR_WALK1 (BIT(24) | BIT(26) | BIT(28) | BIT(29))
#define TCR_TG0_4K (0ul << 14)
#define TCR_TG0_64K (1ul << 14)
#define TCR_TG0_16K (2ul << 14)
#define TCR_TG1_SHIFT 30
#define TCR_TG1_16K (1ul << 30)
#define TCR_TG1_4K (2ul << 30)
#define TCR_TG1_64K (3ul << 30)
#define TCR_A1 BIT(22)
#define TCR_IPS(n) ((u64)(n) << 32)
#define TCR_AS BIT(36)
#define TCR_TBI0 BIT(37)
#define TCR_TBI1 BIT(38)
#define TCR_HA BIT(39)
#define TCR_HD BIT(40)
#define TCR_HPD1 BIT(42)

/* SCTLR_EL1. */
#define SCTLR_M BIT(0)
#define SCTLR_A BIT(1)
#define SCTLR_C BIT(2)
#define SCTLR_I BIT(12)
#define SCTLR_WXN BIT(19)
#define SCTLR_SPAN BIT(23)
#define SCTLR_BASE 0x34d5c998ul /* RES1 bits, SPAN, SA, SA0; no traps of WFI, WFE, DC ZVA, CTR */
