package dev.quire.emulator.exec;

import dev.quire.bindings.UcHooks;
import dev.quire.emulator.decode.Arm64InstructionKinds;
import dev.quire.mmu.Order;
import dev.quire.mmu.PhysicalMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Calls back at chosen instructions: those after which the stack pointer may be misaligned, those
 * that are undefined here though not in the core, and the interrupt vectors. The core runs all
 * others at full speed. An address stays watched in every address space, which costs time and
 * changes nothing, since the callbacks look at the state.
 *
 * <p>Code is watched if it was looked through before the core translated it: at its fetch fill.
 */
final class Arm64CodeWatch {
  private static final int PAGE_BYTES = 1 << Order.BASE_PAGE_SHIFT;
  private static final int INSTRUCTION_BYTES = 4;
  private static final int MOST_ADDRESSES = 1024;
  private static final int SCANNED = 1 << 10;

  /** IRQ and FIQ of each group of vectors (Arm ARM D1.3.1.5). */
  private static final int[] INTERRUPT_VECTORS = {
    0x080, 0x100, 0x280, 0x300, 0x480, 0x500, 0x680, 0x700
  };

  private final UcHooks hooks;
  private final PhysicalMemory memory;
  private final Callbacks callbacks;
  private final Set<Long> vectors = new HashSet<>();
  private final Set<Long> points = new HashSet<>();
  private final List<Long> codeHooks = new ArrayList<>();
  private final long[] scannedPages = new long[SCANNED];
  private final long[] scannedFrames = new long[SCANNED];

  /** Stubs of {@link UcHooks#codeCallback}. */
  record Callbacks(long atVector, long afterStackWrite, long atReturn, long toStep) {}

  Arm64CodeWatch(UcHooks hooks, PhysicalMemory memory, Callbacks callbacks) {
    this.hooks = hooks;
    this.memory = memory;
    this.callbacks = callbacks;
    forgetScans();
  }

  boolean watchesVectors(long vbar) {
    return vectors.contains(vbar);
  }

  /** Watches the vectors at {@code vbar}; the caller drops what was translated. */
  void watchVectors(long vbar) {
    if (vectors.add(vbar)) {
      for (int offset : INTERRUPT_VECTORS) {
        hooks.codeAt(callbacks.atVector, vbar + offset);
      }
    }
  }

  /** Looks through the page at {@code va}, about to execute. */
  void lookThrough(long va, long pfn, boolean checksStackPointer) {
    long page = va >>> Order.BASE_PAGE_SHIFT;
    int index = (int) (page ^ page >>> 10) & SCANNED - 1;
    if (scannedPages[index] == page && scannedFrames[index] == pfn) {
      return;
    }
    scannedPages[index] = page;
    scannedFrames[index] = pfn;
    long pa = pfn << Order.BASE_PAGE_SHIFT;
    for (int offset = 0; offset < PAGE_BYTES; offset += INSTRUCTION_BYTES) {
      int word = memory.readInt(pa + offset);
      long at = (page << Order.BASE_PAGE_SHIFT) + offset;
      if (Arm64InstructionKinds.isRandomNumber(word)) {
        watch(callbacks.toStep, at);
      } else if (checksStackPointer && Arm64InstructionKinds.isExceptionReturn(word)) {
        watch(callbacks.atReturn, at);
      } else if (checksStackPointer && Arm64InstructionKinds.mayMisalignStackPointer(word)) {
        boolean last = offset == PAGE_BYTES - INSTRUCTION_BYTES;
        watch(
            last ? callbacks.toStep : callbacks.afterStackWrite,
            last ? at : at + INSTRUCTION_BYTES);
      }
    }
  }

  private void watch(long callback, long va) {
    // Bits 1:0 of an instruction's address are free to tell the callbacks of one address apart.
    int kind = callback == callbacks.atReturn ? 1 : callback == callbacks.toStep ? 2 : 0;
    if (points.add(va | kind)) {
      codeHooks.add(hooks.codeAt(callback, va));
    }
  }

  /** The frame holds other code now. */
  void forget(long pfn) {
    for (int index = 0; index < SCANNED; index++) {
      if (scannedFrames[index] == pfn) {
        scannedPages[index] = -1;
      }
    }
  }

  /** Every translation looks through a list of them, so it must not grow without end. */
  boolean isCrowded() {
    return codeHooks.size() > MOST_ADDRESSES;
  }

  /** Watches nothing but vectors; the caller drops what was translated. */
  void forgetCode() {
    codeHooks.forEach(hooks::delete);
    codeHooks.clear();
    points.clear();
    forgetScans();
  }

  private void forgetScans() {
    java.util.Arrays.fill(scannedPages, -1);
    java.util.Arrays.fill(scannedFrames, -1);
  }
}
