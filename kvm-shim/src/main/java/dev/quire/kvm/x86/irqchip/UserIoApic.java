package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.x86.ApicMessage;
import dev.quire.emulator.device.x86.LocalApic;
import java.util.BitSet;
import java.util.List;

/**
 * Which of a vCPU's interrupts user space's IOAPIC wants to see the end of, with a split irqchip:
 * those of level-triggered routes of the pins it has reserved (Linux v6.18 arch/x86/kvm/lapic.c,
 * kvm_ioapic_send_eoi; irq.c, kvm_scan_ioapic_routes). On the VM's thread.
 */
public final class UserIoApic {
  private static final int VECTORS = 256;
  private static final int REGISTER_ID = 0x020;
  private static final int REGISTER_LDR = 0x0d0;
  private static final int REGISTER_DFR = 0x0e0;

  private final LocalApic local;
  private final KernelIrqchip irqchip;
  private final BitSet handled = new BitSet(VECTORS);

  /** The highest vector that is handled only because it was pending when the routes changed. */
  private int stale = -1;

  private int ended = -1;
  private boolean due;

  // What the vectors were found from.
  private GsiRoutes routes;
  private long base;
  private int id;
  private int logical;
  private int format;

  UserIoApic(LocalApic local, KernelIrqchip irqchip) {
    this.local = local;
    this.irqchip = irqchip;
    local.onEnd(this::end);
  }

  private void end(int vector) {
    if (handled.get(vector)) {
      due |= vector == stale;
      ended = vector;
    }
  }

  /**
   * Before the guest goes on: the vector whose end user space is to hear of, or -1, as the routes
   * were when it ended; then routes and destinations are followed.
   */
  public int takeEnded() {
    int vector = ended;
    ended = -1;
    if (vector >= 0 && handled.get(vector)) {
      return vector;
    }
    if ((due || hasChanged()) && (local.apicBase() & LocalApic.BASE_ENABLE) != 0) {
      scan();
    }
    return -1;
  }

  private boolean hasChanged() {
    return routes != irqchip.routes()
        || base != local.apicBase()
        || id != local.readWord(REGISTER_ID)
        || logical != local.readWord(REGISTER_LDR)
        || format != local.readWord(REGISTER_DFR);
  }

  private void scan() {
    due = false;
    routes = irqchip.routes();
    base = local.apicBase();
    id = local.readWord(REGISTER_ID);
    logical = local.readWord(REGISTER_LDR);
    format = local.readWord(REGISTER_DFR);
    handled.clear();
    stale = -1;
    List<ApicMessage> messages = routes.levelMessages(irqchip.userPins());
    for (ApicMessage message : messages) {
      int vector = message.vector();
      if (local.isAddressedBy(message)) {
        handled.set(vector);
      } else if (local.isPending(vector)) {
        handled.set(vector);
        stale = Math.max(stale, vector);
      }
    }
  }
}
