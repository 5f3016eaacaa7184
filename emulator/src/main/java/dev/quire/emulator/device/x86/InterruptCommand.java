package dev.quire.emulator.device.x86;

/**
 * The interrupt command register of one local APIC: what it sends when its low half is written
 * (Intel SDM volume 3, "Interrupt Command Register").
 */
final class InterruptCommand {
  private static final int WRITABLE = 0x000c_cfff;
  private static final int LOGICAL = 0x800;
  private static final int LEVEL_AND_ASSERT = 0xc000;
  private static final int DEASSERT = 0x8000;

  /** How a command ends for the local APIC that sends it. */
  enum Outcome {
    SENT,
    /** Vectors below 16 cannot be sent. */
    ILLEGAL_VECTOR
  }

  private int low;
  private int high;

  void reset() {
    low = 0;
    high = 0;
  }

  int low() {
    return low;
  }

  int high() {
    return high;
  }

  void setLow(int value) {
    low = value & WRITABLE;
  }

  void setHigh(int value) {
    high = value & 0xff00_0000;
  }

  /** Sends what the register holds. */
  Outcome send(ApicBus bus, LocalApic self) {
    int vector = low & 0xff;
    int mode = low >>> 8 & 7;
    boolean deassert = (low & LEVEL_AND_ASSERT) == DEASSERT;
    if (mode == ApicMessage.EXTINT || mode == ApicMessage.INIT && deassert) {
      // ExtINT cannot be sent; INIT level de-assert only synchronizes arbitration ids.
      return Outcome.SENT;
    }
    if (mode <= ApicMessage.LOWEST_PRIORITY && vector < 16) {
      return Outcome.ILLEGAL_VECTOR;
    }
    ApicMessage message = new ApicMessage(vector, mode, (low & LOGICAL) != 0, false, high >>> 24);
    switch (low >>> 18 & 3) {
      case 1 -> {
        if (mode == ApicMessage.FIXED) {
          self.accept(message);
        }
      }
      case 2 -> bus.broadcast(message, null);
      case 3 -> bus.broadcast(message, self);
      default -> bus.deliver(message);
    }
    return Outcome.SENT;
  }
}
