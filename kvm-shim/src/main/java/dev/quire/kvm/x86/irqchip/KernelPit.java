package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.EventQueue;
import dev.quire.emulator.device.InterruptLine;
import dev.quire.emulator.device.VirtualClock;
import dev.quire.emulator.device.x86.Pit8254;
import dev.quire.emulator.device.x86.PitCounterState;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** The in-kernel PIT and its states as KVM_GET_PIT2 and KVM_SET_PIT2 carry them. */
final class KernelPit {
  /** struct kvm_pit_state; kvm_pit_state2 has flags and reserved words behind it. */
  static final int STATE_BYTES = 72;

  static final int STATE2_BYTES = 112;

  private static final int CHANNELS = 3;
  private static final int CHANNEL_BYTES = 24;
  private static final int FLAGS_AT = STATE_BYTES;

  /** RW_STATE_WORD0 and RW_STATE_WORD1: which byte of a two-byte count comes next. */
  private static final int FIRST_BYTE = 3;

  private static final int SECOND_BYTE = 4;

  private final Pit8254 pit;
  private final boolean speaker;

  /** OUT is high from the start, which is no edge. */
  private boolean out = true;

  private int flags;

  /**
   * @param speaker port 0x61 is answered too (KVM_PIT_SPEAKER_DUMMY)
   */
  KernelPit(VirtualClock clock, EventQueue events, InterruptLine irq0, boolean speaker) {
    pit =
        new Pit8254(
            clock,
            events,
            level -> {
              if (level != out) {
                out = level;
                irq0.set(level);
              }
            });
    this.speaker = speaker;
  }

  boolean claims(int port) {
    return port >= 0x40 && port < 0x44 || speaker && port == 0x61;
  }

  boolean write(int port, int bytes, long data) {
    if (!claims(port)) {
      return false;
    }
    // KVM looks at the low byte of wider accesses alone.
    int value = (int) data & 0xff;
    if (port == 0x61) {
      pit.controlPortB().writeByte(port, value);
    } else if (bytes > 0) {
      pit.counterPorts().writeByte(port, value);
    }
    return true;
  }

  long read(int port, int bytes) {
    if (bytes == 0) {
      return 0;
    }
    return port == 0x61 ? pit.controlPortB().readByte(port) : pit.counterPorts().readByte(port);
  }

  /** struct kvm_pit_state2. */
  byte[] state() {
    ByteBuffer out = ByteBuffer.allocate(STATE2_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int channel = 0; channel < CHANNELS; channel++) {
      PitCounterState from = pit.counter(channel);
      int at = channel * CHANNEL_BYTES;
      // 65536 is what a count of 0 means, also before one was loaded.
      out.putInt(at, from.initialTicks() == 0 ? 0x1_0000 : from.initialTicks());
      out.putShort(at + 4, (short) Math.max(from.latchedCount(), 0));
      out.put(at + 6, (byte) (from.latchedCount() < 0 ? 0 : from.access()));
      out.put(at + 7, (byte) (from.latchedStatus() < 0 ? 0 : 1));
      out.put(at + 8, (byte) Math.max(from.latchedStatus(), 0));
      out.put(at + 9, (byte) byteState(from.access(), from.readHigh()));
      out.put(at + 10, (byte) byteState(from.access(), from.writeHigh()));
      out.put(at + 11, (byte) from.writtenLow());
      out.put(at + 12, (byte) from.access());
      out.put(at + 13, (byte) from.mode());
      out.put(at + 14, (byte) (from.bcd() ? 1 : 0));
      out.put(at + 15, (byte) (from.gate() ? 1 : 0));
      out.putLong(at + 16, from.loadNanos());
    }
    out.putInt(FLAGS_AT, flags);
    return out.array();
  }

  private static int byteState(int access, boolean second) {
    return access == FIRST_BYTE ? second ? SECOND_BYTE : FIRST_BYTE : access;
  }

  /** Loads struct kvm_pit_state, or kvm_pit_state2 if the bytes are that many. */
  void setState(byte[] state) {
    ByteBuffer in = ByteBuffer.wrap(state).order(ByteOrder.LITTLE_ENDIAN);
    for (int channel = 0; channel < CHANNELS; channel++) {
      int at = channel * CHANNEL_BYTES;
      int count = in.getInt(at);
      boolean runs = in.get(at + 13) >= 0 && in.get(at + 13) <= 5;
      pit.setCounter(
          channel,
          new PitCounterState(
              !runs ? 0 : count <= 0 || count > 0x1_0000 ? 0x1_0000 : count,
              0,
              in.get(at + 6) == 0 ? -1 : in.getShort(at + 4) & 0xffff,
              in.get(at + 7) == 0 ? -1 : in.get(at + 8) & 0xff,
              in.get(at + 9) == SECOND_BYTE,
              in.get(at + 10) == SECOND_BYTE,
              in.get(at + 11) & 0xff,
              in.get(at + 12) & 3,
              runs ? in.get(at + 13) : 3,
              in.get(at + 14) != 0,
              in.get(at + 15) != 0));
    }
    if (state.length >= STATE2_BYTES) {
      flags = in.getInt(FLAGS_AT);
    }
  }
}
