package dev.quire.emulator.device.x86;

import dev.quire.emulator.device.MmioDevice;
import java.util.List;
import java.util.function.IntSupplier;

/** The page at 0xFEE00000: every vCPU sees its own local APIC there. */
public final class LocalApicPage implements MmioDevice {
  public static final long BYTES = 0x1000;

  private final List<LocalApic> locals;
  private final IntSupplier currentCpu;

  /** {@code currentCpu} gives the index of the vCPU whose access is being served. */
  public LocalApicPage(List<LocalApic> locals, IntSupplier currentCpu) {
    this.locals = List.copyOf(locals);
    this.currentCpu = currentCpu;
  }

  @Override
  public long read(long offsetBytes, int bytes) {
    return locals.get(currentCpu.getAsInt()).read(offsetBytes, bytes);
  }

  @Override
  public void write(long offsetBytes, int bytes, long value) {
    locals.get(currentCpu.getAsInt()).write(offsetBytes, bytes, value);
  }
}
