package dev.quire.emulator.machine;

import dev.quire.emulator.exec.CodeCoherence;
import dev.quire.kernel.mm.FrameStorage;
import dev.quire.kernel.mm.HostMemory;

/**
 * The frames that guest memory lies in, as the host kernel changes them: engines forget what they
 * translated of a frame that is wiped or copied into. Machine thread only.
 */
record GuestFrames(HostMemory memory, CodeCoherence coherence) implements FrameStorage {
  @Override
  public void zero(long pfn, int order) {
    memory.zero(pfn, order);
    written(pfn, order);
  }

  @Override
  public void copy(long fromPfn, long toPfn, int order) {
    memory.copy(fromPfn, toPfn, order);
    written(toPfn, order);
  }

  private void written(long pfn, int order) {
    for (long page = 0; page < 1L << order; page++) {
      coherence.hostWrote(pfn + page);
    }
  }
}
