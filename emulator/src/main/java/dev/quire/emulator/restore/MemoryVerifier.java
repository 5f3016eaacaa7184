package dev.quire.emulator.restore;

import dev.quire.emulator.snapshot.MemoryImage;

/**
 * Verifies in the background what of a snapshot's memory nobody reads, so that the guest's first
 * instruction does not wait for all of it, and no corrupt snapshot ends well either.
 */
final class MemoryVerifier {
  private final Thread thread;
  private volatile RuntimeException failure;

  private MemoryVerifier(MemoryImage image) {
    thread =
        Thread.ofPlatform()
            .daemon()
            .name("snapshot-verifier")
            .unstarted(
                () -> {
                  try {
                    image.verifyAll();
                  } catch (RuntimeException e) {
                    failure = e;
                  }
                });
  }

  static MemoryVerifier start(MemoryImage image) {
    MemoryVerifier verifier = new MemoryVerifier(image);
    verifier.thread.start();
    return verifier;
  }

  /**
   * Waits for the end.
   *
   * @throws RuntimeException what was found
   */
  void finish() {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    if (failure != null) {
      throw failure;
    }
  }
}
