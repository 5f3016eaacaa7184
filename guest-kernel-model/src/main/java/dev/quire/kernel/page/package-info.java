/**
 * Frames and folios of a modelled kernel: struct pages, the buddy allocator with its per-CPU lists,
 * LRU lists, the deferred-split queue. A pfn here counts base pages of the modelled kernel (4, 16
 * or 64 KiB); a folio is named by the pfn of its first page.
 */
package dev.quire.kernel.page;
