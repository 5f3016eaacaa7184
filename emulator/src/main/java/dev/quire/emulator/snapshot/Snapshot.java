package dev.quire.emulator.snapshot;

import java.nio.file.Path;

/**
 * A snapshot that was opened and, but for the blocks of its memory, verified. Immutable; any
 * thread.
 */
public final class Snapshot {
  private final Path location;
  private final SnapshotDescription description;
  private final String identity;
  private final byte[] state;
  private final MemoryImage memory;
  private final Snapshot base;

  Snapshot(
      Path location,
      SnapshotDescription description,
      String identity,
      byte[] state,
      MemoryImage memory,
      Snapshot base) {
    this.location = location;
    this.description = description;
    this.identity = identity;
    this.state = state;
    this.memory = memory;
    this.base = base;
  }

  /** The directory it was opened as. */
  public Path location() {
    return location;
  }

  public SnapshotDescription description() {
    return description;
  }

  /** Names the content: a digest over everything in it, in hexadecimal. */
  public String identity() {
    return identity;
  }

  /** The vCPUs, the devices and the machine, as {@code VirtualMachine} saves them. */
  public byte[] state() {
    return state.clone();
  }

  /** The memory: of a diff, that of its base with the diff's pages in place of the old ones. */
  public MemoryImage memory() {
    return memory;
  }

  /** What a diff lies on, or null. */
  Snapshot base() {
    return base;
  }
}
