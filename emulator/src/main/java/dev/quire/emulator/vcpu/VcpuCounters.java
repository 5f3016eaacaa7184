package dev.quire.emulator.vcpu;

/** What one vCPU met, counted exactly. Machine thread only. */
public final class VcpuCounters {
  /** Faults of the guest's own translation that were delivered to it. */
  public long guestFaults;

  /** Second-stage faults that the host resolved. */
  public long stage2Faults;

  public final ExceptionCounts exceptions = new ExceptionCounts();

  public long ioExits;
  public long mmioExits;
  public long halts;
  public long interrupts;

  void count(VcpuExit exit) {
    switch (exit) {
      case VcpuExit.Io ignored -> ioExits++;
      case VcpuExit.Mmio ignored -> mmioExits++;
      case VcpuExit.Hlt ignored -> halts++;
      case VcpuExit.Shutdown ignored -> {}
      case VcpuExit.Intr ignored -> {}
      case VcpuExit.SliceEnd ignored -> {}
      case VcpuExit.Livelock ignored -> {}
      case VcpuExit.HandlerDead ignored -> {}
      case VcpuExit.InternalError ignored -> {}
    }
  }
}
