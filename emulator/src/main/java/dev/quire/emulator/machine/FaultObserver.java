package dev.quire.emulator.machine;

/** Is told of second-stage faults while they are served. Machine thread only. */
public interface FaultObserver {
  /** Takes no notice. */
  FaultObserver NOBODY =
      new FaultObserver() {
        @Override
        public void begin() {}

        @Override
        public void end(long gpa, long result) {}
      };

  /** A vCPU has left the guest. */
  void begin();

  /**
   * It can go back, or not at all.
   *
   * @param result of {@link dev.quire.kernel.kvm.Stage2Mmu#fault}
   */
  void end(long gpa, long result);
}
