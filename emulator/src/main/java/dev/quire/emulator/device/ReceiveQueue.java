package dev.quire.emulator.device;

import java.util.Arrays;

/**
 * The receive side of a serial port: a hardware FIFO of a given depth in front of a backlog of
 * bytes that have not "arrived on the wire" yet. The sender is modelled as one that honours flow
 * control: a byte moves from the backlog into the FIFO as soon as there is room, so typed input
 * never overruns. Machine thread only.
 */
public final class ReceiveQueue implements DeviceState {
  /** More input than this waiting for a guest that does not read is dropped, newest first. */
  static final int BACKLOG_BYTES = 1 << 16;

  private final Ring fifo;
  private final Ring backlog = new Ring(64, BACKLOG_BYTES);
  private int depth = 1;

  /** {@code maxDepth} is the depth of the FIFO in bytes when it is enabled. */
  public ReceiveQueue(int maxDepth) {
    fifo = new Ring(maxDepth, maxDepth);
  }

  /** Sets how many bytes the FIFO holds now (1 when the guest disabled it) and empties it. */
  public void reset(int newDepth) {
    depth = newDepth;
    fifo.clear();
  }

  /** Queues host input; false when it was dropped because the backlog is full. */
  public boolean offer(byte value) {
    return backlog.add(value);
  }

  /** Moves what fits from the backlog into the FIFO; returns how many bytes arrived. */
  public int refill() {
    int moved = 0;
    while (fifo.count < depth && backlog.count > 0) {
      fifo.add((byte) backlog.remove());
      moved++;
    }
    return moved;
  }

  /** Puts a byte straight into the FIFO (loopback); false is an overrun. */
  public boolean arrive(int value) {
    return fifo.count < depth && fifo.add((byte) value);
  }

  /** Takes the oldest byte, 0..255; only when {@link #available} is not 0. */
  public int take() {
    return fifo.remove();
  }

  /** Bytes in the FIFO. */
  public int available() {
    return fifo.count;
  }

  public int depth() {
    return depth;
  }

  @Override
  public void save(StateWriter writer) {
    writer.putByte(depth).putBytes(fifo.toArray()).putBytes(backlog.toArray());
  }

  @Override
  public void load(StateReader reader) {
    depth = reader.getInt8(1, fifo.limit, "FIFO depth");
    fifo.set(reader.getBytesUpTo(depth));
    backlog.set(reader.getBytesUpTo(BACKLOG_BYTES));
  }

  /** A byte ring that grows up to its limit. */
  private static final class Ring {
    private final int limit;
    private byte[] bytes;
    private int head;
    private int count;

    Ring(int initial, int limit) {
      this.limit = limit;
      bytes = new byte[initial];
    }

    boolean add(byte value) {
      if (count == limit) {
        return false;
      }
      if (count == bytes.length) {
        byte[] grown = Arrays.copyOf(toArray(), Math.min(limit, 2 * count));
        bytes = grown;
        head = 0;
      }
      bytes[(head + count) % bytes.length] = value;
      count++;
      return true;
    }

    int remove() {
      int value = bytes[head] & 0xff;
      head = (head + 1) % bytes.length;
      count--;
      return value;
    }

    void clear() {
      head = 0;
      count = 0;
    }

    byte[] toArray() {
      byte[] copy = new byte[count];
      for (int i = 0; i < count; i++) {
        copy[i] = bytes[(head + i) % bytes.length];
      }
      return copy;
    }

    void set(byte[] values) {
      clear();
      for (byte value : values) {
        add(value);
      }
    }
  }
}
