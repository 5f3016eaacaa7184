package dev.quire.emulator.device.x86;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * The bus between the local APICs, the IOAPICs and message-signalled interrupts. It knows every
 * local APIC of the machine and resolves destinations (Intel SDM volume 3, "Determining IPI
 * Destination"). Lowest priority, whose arbitration the SDM leaves to the model, picks the receiver
 * with the lowest processor priority and among equals the one with the lowest index.
 */
public final class ApicBus {
  private final List<LocalApic> locals = new ArrayList<>();
  private final List<IntConsumer> endOfInterruptListeners = new ArrayList<>();

  void attach(LocalApic local) {
    locals.add(local);
  }

  /** Registers who wants to know of the end of a level-triggered interrupt; gets the vector. */
  void onEndOfInterrupt(IntConsumer listener) {
    endOfInterruptListeners.add(listener);
  }

  /** Delivers a message to whoever it addresses; false when nobody accepted it. */
  public boolean deliver(ApicMessage message) {
    return deliverCounted(message) > 0;
  }

  /** As {@link #deliver}: how many accepted it, or -1 if it addresses nobody. */
  public int deliverCounted(ApicMessage message) {
    if (message.deliveryMode() == ApicMessage.LOWEST_PRIORITY) {
      LocalApic chosen = lowestPriority(message);
      return chosen == null ? -1 : chosen.accept(message) ? 1 : 0;
    }
    int accepted = -1;
    for (LocalApic local : locals) {
      if (local.isAddressedBy(message)) {
        accepted = Math.max(accepted, 0) + (local.accept(message) ? 1 : 0);
      }
    }
    return accepted;
  }

  /** Delivers to all, or to all but {@code except}, whatever the destination field says. */
  void broadcast(ApicMessage message, LocalApic except) {
    if (message.deliveryMode() == ApicMessage.LOWEST_PRIORITY) {
      LocalApic chosen = null;
      for (LocalApic local : locals) {
        if (local != except && local.isEnabled()) {
          chosen = preferred(chosen, local);
        }
      }
      if (chosen != null) {
        chosen.accept(message);
      }
      return;
    }
    for (LocalApic local : locals) {
      if (local != except) {
        local.accept(message);
      }
    }
  }

  void endOfInterrupt(int vector) {
    for (IntConsumer listener : endOfInterruptListeners) {
      listener.accept(vector);
    }
  }

  private LocalApic lowestPriority(ApicMessage message) {
    LocalApic chosen = null;
    for (LocalApic local : locals) {
      if (local.isEnabled() && local.isAddressedBy(message)) {
        chosen = preferred(chosen, local);
      }
    }
    return chosen;
  }

  private static LocalApic preferred(LocalApic chosen, LocalApic other) {
    boolean better =
        chosen == null || other.processorPriority() >>> 4 < chosen.processorPriority() >>> 4;
    return better ? other : chosen;
  }
}
