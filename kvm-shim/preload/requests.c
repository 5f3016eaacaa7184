#define _GNU_SOURCE
#include "requests.h"

#include <errno.h>
#include <string.h>

#include "abi.h"

/* Structs that end in an array, whose length stands in a u32 of the struct. */
struct tail {
  uint32_t request;
  uint16_t count_offset;
  uint16_t entry_bytes;
  uint16_t most_entries; /* the kernel answers E2BIG or EINVAL above, before it reads the array */
};

static const struct tail tails[] = {
    {IO_GET_MSRS, 0, 16, 256},           {IO_SET_MSRS, 0, 16, 256},        {IO_SET_CPUID, 0, 24, 256},
    {IO_SET_CPUID2, 0, 40, 256},         {IO_SET_GSI_ROUTING, 0, 48, 4096}, {IO_SET_SIGNAL_MASK, 0, 1, 128},
    {IO_SET_PMU_EVENT_FILTER, 4, 8, 300},
};

enum { DEVICE_ATTRIBUTE_BYTES = 64, LONGEST_BITMAP_BYTES = 1 << 26 };

/* The kernel reads these structs though their code says that it only writes. */
static bool reads_in_spite(uint32_t request) {
  return request == IO_SET_IRQCHIP || request == IO_SET_PIT || request == IO_ARM_GET_REG_WRITABLE_MASKS;
}

static size_t tail_bytes(uint32_t request, const uint8_t *structure) {
  for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
    if (tails[i].request == request) {
      uint32_t count;
      memcpy(&count, structure + tails[i].count_offset, sizeof count);
      return count > tails[i].most_entries ? 0 : (size_t)count * tails[i].entry_bytes;
    }
  }
  return 0;
}

/* The first segment of the frame, if any, that overlaps; its bounds. */
static bool overlap(const struct call *call, uint64_t address, uint64_t end, uint64_t *from, uint64_t *to) {
  const uint8_t *at = call->link->out + sizeof(struct request_head);
  const uint8_t *out_end = call->link->out + call->link->out_bytes;
  while (at < out_end) {
    struct segment_head head;
    memcpy(&head, at, sizeof head);
    *from = head.address;
    *to = head.address + head.bytes;
    if (*from < end && address < *to) {
      return true;
    }
    at += sizeof head + ((head.bytes + 7) & ~(size_t)7);
  }
  return false;
}

/* Adds memory that a pointer names, leaving out what stands in the frame already. */
static bool add_pointed(struct call *call, uint64_t address, size_t bytes) {
  uint64_t end = address + bytes;
  if (bytes == 0 || end < address) {
    return true;
  }
  uint64_t from;
  uint64_t to;
  if (overlap(call, address, end, &from, &to)) {
    return (from <= address || add_pointed(call, address, from - address)) && (to >= end || add_pointed(call, to, end - to));
  }
  size_t readable;
  return call_add_user(call, address, bytes, &readable) != NULL;
}

/* A pointer into the frame does not survive growth, hence copies. */
static bool add_pointers(struct call *call, uint32_t request, const void *structure) {
  switch (request) {
    case IO_SET_ONE_REG: {
      struct io_one_reg reg;
      memcpy(&reg, structure, sizeof reg);
      return add_pointed(call, reg.address, (size_t)1 << (reg.id >> 52 & 0xf));
    }
    case IO_SET_DEVICE_ATTR:
    case IO_GET_DEVICE_ATTR:
    case IO_HAS_DEVICE_ATTR: {
      struct io_device_attr attribute;
      memcpy(&attribute, structure, sizeof attribute);
      return add_pointed(call, attribute.address, DEVICE_ATTRIBUTE_BYTES);
    }
    case IO_CLEAR_DIRTY_LOG: {
      struct io_clear_dirty_log log;
      memcpy(&log, structure, sizeof log);
      return add_pointed(call, log.bitmap, ((size_t)log.pages + 63) / 64 * 8);
    }
    case IO_X86_SET_MSR_FILTER: {
      struct io_msr_filter filter;
      memcpy(&filter, structure, sizeof filter);
      for (size_t i = 0; i < sizeof filter.ranges / sizeof *filter.ranges; i++) {
        size_t bytes = ((size_t)filter.ranges[i].count + 63) / 64 * 8; /* whole words, as the kernel */
        if (bytes <= LONGEST_BITMAP_BYTES && !add_pointed(call, filter.ranges[i].bitmap, bytes)) {
          return false;
        }
      }
      return true;
    }
    default:
      return true;
  }
}

bool request_add_memory(struct call *call, uint32_t request, uint64_t argument, void **structure) {
  *structure = NULL;
  size_t bytes = _IOC_SIZE(request);
  if (bytes == 0 || ((_IOC_DIR(request) & _IOC_WRITE) == 0 && !reads_in_spite(request))) {
    return true;
  }
  size_t before = call->link->out_bytes;
  size_t readable;
  uint8_t *data = call_add_user(call, argument, bytes, &readable);
  if (data == NULL || readable < bytes) {
    return data != NULL;
  }
  size_t tail = tail_bytes(request, data);
  if (tail != 0 && call_add_user(call, argument + bytes, tail, &readable) == NULL) {
    return false;
  }
  uint8_t copy[512];
  if (bytes <= sizeof copy) {
    memcpy(copy, call->link->out + before + sizeof(struct segment_head), bytes);
    if (!add_pointers(call, request, copy)) {
      return false;
    }
  }
  *structure = call->link->out + before + sizeof(struct segment_head);
  return true;
}
