#include "fdt.h"

#include "platform.h"

enum { BEGIN_NODE = 1, END_NODE, PROP, NOP, END = 9 };

struct property {
  const char *node; /* name of the node it stands in, with its unit address */
  const char *name;
  const u8 *value;
  u32 bytes;
};

/* All accesses by byte: the MMU is still off, and Device memory wants aligned accesses. */
static u32 be32(const u8 *p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }
static u64 be64(const u8 *p) { return (u64)be32(p) << 32 | be32(p + 4); }

static bool named(const char *node, const char *prefix) {
  size_t n = strlen(prefix);
  return !strncmp(node, prefix, n) && (node[n] == 0 || node[n] == '@');
}

/* #address-cells is 2 and #size-cells 2 at the root, and 1 and 0 under /cpus, or 2 there. */
static void take(const struct property *p, struct machine *m) {
  if (named(p->node, "chosen") && !strcmp(p->name, "bootargs")) {
    for (u32 i = 0; i < p->bytes && i < sizeof(m->bootargs) - 1; i++) {
      m->bootargs[i] = (char)p->value[i];
    }
  } else if (named(p->node, "memory") && !strcmp(p->name, "reg") && p->bytes >= 16 &&
             be64(p->value) == RAM_PA) {
    m->ram_bytes = be64(p->value + 8);
  } else if (named(p->node, "psci") && !strcmp(p->name, "method")) {
    m->psci_smc = p->value[0] == 's';
  } else if (named(p->node, "debug-exit") && !strcmp(p->name, "reg") && p->bytes >= 8) {
    m->debug_exit = be64(p->value);
  } else if (named(p->node, "cpu") && !strcmp(p->name, "reg") && p->bytes >= 4 &&
             m->cpus < MAX_CPUS) {
    m->mpidr[m->cpus++] = be32(p->value + p->bytes - 4);
  }
}

const char *fdt_parse(const void *dtb, struct machine *m) {
  const u8 *base = dtb;
  if (be32(base) != 0xd00dfeed) {
    return "no magic number where X0 points";
  }
  const u8 *p = base + be32(base + 8);
  const char *strings = (const char *)base + be32(base + 12);
  const char *nodes[16] = {""};
  unsigned depth = 0;
  for (;;) {
    u32 token = be32(p);
    p += 4;
    if (token == BEGIN_NODE) {
      if (++depth == ARRAY_LEN(nodes)) {
        return "nested too deep";
      }
      nodes[depth] = (const char *)p;
      p += align_up(strlen((const char *)p) + 1, 4);
    } else if (token == END_NODE) {
      depth--;
    } else if (token == PROP) {
      u32 bytes = be32(p);
      struct property property = {nodes[depth], strings + be32(p + 4), p + 8, bytes};
      take(&property, m);
      p += 8 + align_up(bytes, 4);
    } else if (token == END) {
      break;
    } else if (token != NOP) {
      return "unknown token";
    }
  }
  return m->ram_bytes ? NULL : "no memory node at 0x40000000";
}
