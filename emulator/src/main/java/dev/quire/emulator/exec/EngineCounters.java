package dev.quire.emulator.exec;

/**
 * What the engine did on its own account. These depend on Unicorn's soft TLB, which is resized by
 * wall clock: two identical runs may differ here and nowhere else.
 */
public final class EngineCounters {
  public long fills;
  public long runs;
  public long steps;
  public long softTlbFlushes;
  public long codeFlushes;
  public long scannedBlocks;

  /** The same figures by name, in a fixed order, for reports. */
  public java.util.Map<String, Long> byName() {
    java.util.Map<String, Long> names = new java.util.LinkedHashMap<>();
    names.put("fills", fills);
    names.put("runs", runs);
    names.put("steps", steps);
    names.put("soft_tlb_flushes", softTlbFlushes);
    names.put("code_flushes", codeFlushes);
    names.put("scanned_blocks", scannedBlocks);
    return names;
  }
}
