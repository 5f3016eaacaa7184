package dev.quire.bindings;

import java.util.HashMap;
import java.util.Map;

/** The rules of {@link BlockCounter}, written plainly: the oracle of the assembled hooks. */
final class BlockCounterModel {
  record Block(long address, int size, boolean cs32, boolean cs64, int generation) {}

  /** Decodes a block; -1 for unreadable. */
  interface Scan {
    int scan(long address, int size);
  }

  final boolean x86;
  final Map<Long, Map.Entry<Block, Integer>> slots = new HashMap<>();
  long icount;
  long deadline;
  long lastPc;
  int lastSize;
  int lastInfo;
  int stepping;
  boolean irqPending;
  boolean kick;
  boolean request;
  int generation = 1;
  int eflags;
  int hflags;
  long rcx;
  int reason;
  int stops;
  int scans;

  /** An arm64 block that passes a plain size is shown to scan(), whose answer does not matter. */
  boolean scansArm64;

  BlockCounterModel(boolean x86) {
    this.x86 = x86;
  }

  void begin(long address, int size, Scan scan) {
    if (stepping == 1) {
      stepping = 2;
      remember(address, size, 0);
      return;
    }
    if (stepping == 2) {
      stop(BlockCounter.REASON_STEP);
      return;
    }
    boolean inhibited = (hflags & UcX86State.HF_INHIBIT_IRQ) != 0;
    if (request || kick || irqPending) {
      if (x86 && isExtraPass(address)) {
        remember(address, size, 0);
        return;
      }
      if (request) {
        stop(BlockCounter.REASON_REQUEST);
        return;
      }
      if (kick) {
        stop(BlockCounter.REASON_KICK);
        return;
      }
      if (x86 && (eflags & 0x200) != 0 && !inhibited) {
        stop(BlockCounter.REASON_IRQ_WINDOW);
        return;
      }
    }
    int info = describe(address, size, scan);
    // An extra pass is a block that is (or begins with) the REP instruction.
    if (info >= 0 && (info & BlockScanner.REP64) != 0 && isExtraPass(address)) {
      remember(address, size, 0);
    } else if (info < 0) {
      stop(BlockCounter.REASON_SCAN);
    } else if ((info & BlockScanner.SENSITIVE) != 0 && !inhibited) {
      stop(BlockCounter.REASON_SENSITIVE);
    } else if (Long.compareUnsigned(icount + (info & 0xffff), deadline) > 0) {
      stop(BlockCounter.REASON_DEADLINE);
    } else {
      icount += info & 0xffff;
      remember(address, size, info);
    }
  }

  private boolean isExtraPass(long address) {
    int width = lastInfo >>> 17 & 3;
    if (width == 0) {
      return false;
    }
    long rep = lastPc + (lastSize & 0x1fff) - (lastInfo >>> BlockScanner.REP_LENGTH_SHIFT & 15);
    long counter =
        switch (width) {
          case 1 -> rcx & 0xffffL;
          case 2 -> rcx & 0xffffffffL;
          default -> rcx;
        };
    return rep == address && counter == 0;
  }

  private int describe(long address, int size, Scan scan) {
    int packedCount = size >>> 21;
    int packedFlags = size >>> 13 & 0xff;
    if (packedCount != 0) {
      return packedFlags << 16 | packedCount;
    }
    if (!x86) {
      scans += scansArm64 ? 1 : 0;
      return size / 4;
    }
    return lookUp(address, size, scan);
  }

  private int lookUp(long address, int size, Scan scan) {
    Block block =
        new Block(
            address,
            size,
            (hflags & UcX86State.HF_CS32) != 0,
            (hflags & UcX86State.HF_CS64) != 0,
            generation);
    long slot = (address ^ address >>> BlockCounter.HASH_SHIFT) & (BlockCounter.ENTRIES - 1);
    Map.Entry<Block, Integer> entry = slots.get(slot);
    if (entry != null && entry.getKey().equals(block)) {
      return entry.getValue();
    }
    scans++;
    int info = scan.scan(address, size);
    boolean packed = info >= 0 && (info & 1 << 30) != 0;
    if (info >= 0 && !packed) {
      slots.put(slot, Map.entry(block, info));
    }
    return packed ? info - (1 << 30) : info;
  }

  private void remember(long address, int size, int info) {
    lastPc = address;
    lastSize = size;
    lastInfo = info;
  }

  private void stop(int why) {
    reason = why;
    stops++;
  }
}
