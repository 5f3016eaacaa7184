package dev.quire.mmu.tlb;

import java.util.Set;
import java.util.TreeSet;

/** One entry of the reference model. */
final class ReferenceEntry {
  /** What it is. */
  enum Kind {
    PAGE,
    RUN,
    TABLE,
    NESTED
  }

  final Kind kind;
  final int vmid;

  /** -1 for global; unused for {@link Kind#NESTED}. */
  final int asid;

  /** First address and order of what its place is chosen by: page, group, region, guest page. */
  final long start;

  final int order;

  /** For a run: the pages it covers. */
  final Set<Long> vpns = new TreeSet<>();

  /** Order of the guest's leaf or group; order of what it would cover if it could. */
  int leafOrder;

  int wholeOrder;

  /** The guest physical range it is made of, inclusive; empty if there is none. */
  long firstGpa = 0;

  long lastGpa = -1;

  ReferenceEntry(Kind kind, int vmid, int asid, long address, int order) {
    this.kind = kind;
    this.vmid = vmid;
    this.asid = asid;
    this.order = order;
    start = address / (4096L << order) * (4096L << order);
  }

  boolean isTranslation() {
    return kind == Kind.PAGE || kind == Kind.RUN;
  }

  boolean translates(long vpn, int currentVmid, int currentAsid) {
    boolean covers =
        kind == Kind.PAGE ? vpn >>> order == start >>> 12 >>> order : vpns.contains(vpn);
    return isTranslation() && covers && vmid == currentVmid && (asid == -1 || asid == currentAsid);
  }

  boolean isOf(Kind ofKind, int ofVmid, int ofAsid, long address, int ofOrder) {
    return kind == ofKind
        && vmid == ofVmid
        && (kind == Kind.NESTED || asid == ofAsid)
        && order == ofOrder
        && start == address / (4096L << order) * (4096L << order);
  }

  /** Whether an address in the inclusive range is one that it falls with. */
  boolean fallsWith(long first, long last) {
    int extent = Math.max(leafOrder, wholeOrder);
    if (kind == Kind.RUN) {
      return vpns.stream().anyMatch(vpn -> touches(vpn << 12, extent, first, last));
    }
    return touches(start, Math.max(extent, order), first, last);
  }

  boolean madeOf(long first, long last) {
    return lastGpa >= 0 && firstGpa <= last && lastGpa >= first;
  }

  static boolean touches(long address, int order, long first, long last) {
    long begin = address / (4096L << order) * (4096L << order);
    return begin <= last && begin + (4096L << order) - 1 >= first;
  }
}
