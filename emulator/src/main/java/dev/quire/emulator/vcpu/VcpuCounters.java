package dev.quire.emulator.vcpu;

import dev.quire.emulator.device.DeviceState;
import dev.quire.emulator.device.StateReader;
import dev.quire.emulator.device.StateWriter;

/**
 * What one vCPU met, counted exactly. What the guest did goes into snapshots, so that a restored
 * run ends with the counts of the whole; what its host did begins anew. Machine thread only.
 */
public final class VcpuCounters implements DeviceState {
  /** Faults of the guest's own translation that were delivered to it. */
  public long guestFaults;

  /** Second-stage faults that the host resolved. */
  public long stage2Faults;

  public final ExceptionCounts exceptions = new ExceptionCounts();

  public long ioExits;
  public long mmioExits;
  public long halts;
  public long interrupts;

  @Override
  public void save(StateWriter writer) {
    writer.begin("vcpu-counters", 1);
    writer.putLong(guestFaults).putLong(ioExits).putLong(mmioExits);
    writer.putLong(halts).putLong(interrupts);
    exceptions.save(writer);
    writer.end();
  }

  @Override
  public void load(StateReader reader) {
    reader.begin("vcpu-counters", 1);
    guestFaults = reader.getLong();
    ioExits = reader.getLong();
    mmioExits = reader.getLong();
    halts = reader.getLong();
    interrupts = reader.getLong();
    exceptions.load(reader);
    reader.end();
  }

  void count(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.Io ignored -> ioExits++;
      case VcpuExit.Mmio ignored -> mmioExits++;
      case VcpuExit.Hlt ignored -> halts++;
      case VcpuExit.Client ignored -> {}
      case VcpuExit.Shutdown ignored -> {}
      case VcpuExit.Intr ignored -> {}
      case VcpuExit.SliceEnd ignored -> {}
      case VcpuExit.Livelock ignored -> {}
      case VcpuExit.HandlerDead ignored -> {}
      case VcpuExit.InternalError ignored -> {}
    }
  }
}
