package dev.quire.kvm.x86.irqchip;

import dev.quire.emulator.device.x86.ApicMessage;
import dev.quire.emulator.device.x86.IoApic;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Where global system interrupts lead: pins of the interrupt chips, or messages. Immutable (Linux
 * v6.18 virt/kvm/irqchip.c).
 */
final class GsiRoutes {
  /** struct kvm_irq_routing_entry. */
  static final int ENTRY_BYTES = 48;

  /** KVM_MAX_IRQ_ROUTES. */
  static final int MOST = 4096;

  static final int MASTER = 0;
  static final int SLAVE = 1;
  static final int IOAPIC = 2;
  static final int PIC_PINS = 8;

  private static final int TYPE_IRQCHIP = 1;
  private static final int TYPE_MSI = 2;
  private static final int MSI_VALID_DEVID = 1;

  /** Leads nowhere. */
  static final GsiRoutes NONE = new GsiRoutes(Map.of());

  /** What a GSI leads to. */
  sealed interface Target {
    /** A pin; those of the slave are 8 to 15. */
    record Pin(int chip, int pin) implements Target {}

    /** A message-signalled interrupt. */
    record Message(long address, int data) implements Target {
      ApicMessage message() {
        return ApicMessage.fromMsi(address, data);
      }

      boolean isLevel() {
        return message().levelTriggered();
      }
    }
  }

  private final Map<Integer, List<Target>> targets;

  private GsiRoutes(Map<Integer, List<Target>> targets) {
    this.targets = targets;
  }

  /** GSI n leads to pin n of the PICs and of the IOAPIC. */
  static GsiRoutes standard() {
    Map<Integer, List<Target>> map = new HashMap<>();
    for (int gsi = 0; gsi < IoApic.PINS; gsi++) {
      List<Target> to = new ArrayList<>();
      to.add(new Target.Pin(IOAPIC, gsi));
      if (gsi < 2 * PIC_PINS) {
        to.add(new Target.Pin(gsi < PIC_PINS ? MASTER : SLAVE, gsi));
      }
      map.put(gsi, to);
    }
    return new GsiRoutes(map);
  }

  /**
   * Reads entries as KVM_SET_GSI_ROUTING gets them.
   *
   * @param pins whether the chips with pins are in the kernel
   * @return null if one of them is illegal (EINVAL)
   */
  static GsiRoutes parse(byte[] entries, boolean pins) {
    ByteBuffer bytes = ByteBuffer.wrap(entries).order(ByteOrder.LITTLE_ENDIAN);
    Map<Integer, List<Target>> map = new HashMap<>();
    for (int at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES) {
      int gsi = bytes.getInt(at);
      Target target = target(bytes, at, pins);
      if (gsi < 0 || gsi >= MOST || target == null) {
        return null;
      }
      List<Target> others = map.computeIfAbsent(gsi, number -> new ArrayList<>());
      for (Target other : others) {
        if (!(other instanceof Target.Pin first
            && target instanceof Target.Pin second
            && first.chip != second.chip)) {
          return null;
        }
      }
      others.add(target);
    }
    return new GsiRoutes(map);
  }

  private static Target target(ByteBuffer bytes, int at, boolean pins) {
    int type = bytes.getInt(at + 4);
    int flags = bytes.getInt(at + 8);
    if (type == TYPE_MSI) {
      if ((flags & ~MSI_VALID_DEVID) != 0) {
        return null;
      }
      long low = bytes.getInt(at + 16) & 0xffff_ffffL;
      return new Target.Message(low | (long) bytes.getInt(at + 20) << 32, bytes.getInt(at + 24));
    }
    return type == TYPE_IRQCHIP && flags == 0 && pins
        ? pin(bytes.getInt(at + 16), bytes.getInt(at + 20))
        : null;
  }

  private static Target pin(int chip, int pin) {
    return switch (chip) {
      case MASTER -> pin >= 0 && pin < PIC_PINS ? new Target.Pin(chip, pin) : null;
      case SLAVE -> pin >= 0 && pin < PIC_PINS ? new Target.Pin(chip, pin + PIC_PINS) : null;
      case IOAPIC -> pin >= 0 && pin < IoApic.PINS ? new Target.Pin(chip, pin) : null;
      default -> null;
    };
  }

  /** What a GSI leads to, last set first. */
  List<Target> of(int gsi) {
    List<Target> to = targets.getOrDefault(gsi, List.of());
    return to.size() < 2 ? to : reversed(to);
  }

  /** The GSI that leads to a pin, or -1 (kvm_irq_routing_table.chip). */
  int gsiOf(int chip, int pin) {
    Target wanted = new Target.Pin(chip, pin);
    for (Map.Entry<Integer, List<Target>> entry : targets.entrySet()) {
      if (entry.getValue().contains(wanted)) {
        return entry.getKey();
      }
    }
    return -1;
  }

  /** The level-triggered messages that GSIs below a number lead to. */
  List<ApicMessage> levelMessages(int gsis) {
    List<ApicMessage> found = new ArrayList<>();
    for (Map.Entry<Integer, List<Target>> entry : targets.entrySet()) {
      for (Target target : entry.getValue()) {
        if (entry.getKey() < gsis && target instanceof Target.Message to && to.isLevel()) {
          found.add(to.message());
        }
      }
    }
    return found;
  }

  private static List<Target> reversed(List<Target> to) {
    List<Target> back = new ArrayList<>(to);
    Collections.reverse(back);
    return back;
  }
}
