package dev.quire.emulator.device.x86;

import java.util.ArrayList;
import java.util.List;

/** Notes what the interrupt controllers tell the vCPUs. */
final class RecordingSignals implements VcpuSignals {
  private final List<String> log = new ArrayList<>();
  private int changes;

  List<String> log() {
    return log;
  }

  int changes() {
    return changes;
  }

  @Override
  public void init(int cpu) {
    log.add("init " + cpu);
  }

  @Override
  public void sipi(int cpu, int vectorPage) {
    log.add("sipi %d %x".formatted(cpu, vectorPage));
  }

  @Override
  public void nmi(int cpu) {
    log.add("nmi " + cpu);
  }

  @Override
  public void interruptStateChanged(int cpu) {
    changes++;
  }
}
