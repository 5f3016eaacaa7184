/*
 * Physical memory: single pages grow from the bottom, aligned blocks (large pages) from the top.
 * All of RAM is mapped one to one, so a physical address is also a pointer.
 */
#include "guest.h"

static u64 bottom, top, end;
static u64 free_list; /* a freed page's first word links to the next */

void pages_init(u64 first_pa, u64 end_pa) {
  bottom = align_up(first_pa, PAGE_BYTES);
  top = end = align_down(end_pa, PAGE_BYTES);
}

u64 ram_end(void) { return end; }

u64 pages_free(void) { return (top - bottom) / PAGE_BYTES; }

u64 alloc_page(void) {
  u64 pa = free_list;
  if (pa) {
    free_list = *(u64 *)pa;
  } else {
    if (bottom >= top) {
      fail("out of memory: the guest has no free page left, give it more with --memory");
    }
    pa = bottom;
    bottom += PAGE_BYTES;
  }
  memset((void *)pa, 0, PAGE_BYTES);
  return pa;
}

void free_page(u64 pa) {
  *(u64 *)pa = free_list;
  free_list = pa;
}

u64 alloc_block(u64 bytes, u64 align) {
  u64 pa = align_down(top - bytes, align);
  if (bytes > top || pa < bottom) {
    fail("out of memory: no aligned block of %lu KiB left, give it more with --memory",
         bytes / KiB);
  }
  top = pa;
  return pa;
}
