package dev.quire.lab.replay;

import dev.quire.kernel.mm.Errno;
import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.kvm.fd.EventDescriptor;
import dev.quire.lab.replay.Handles.KvmDescription;
import dev.quire.lab.replay.KvmField.Hex;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Operations of KVM scripts on interrupt controllers, eventfds and what else a VM has. */
final class KvmInterruptCalls {
  private static final int ROUTE_HEADER_BYTES = 8;
  private static final int ROUTE_BYTES = 48;
  private static final int ROUTE_PARTS = 4;
  private static final int CHIP_BYTES = 16;
  private static final int IOAPIC = 2;
  private static final int IOAPIC_BYTES = 64;
  private static final int CHIP_OFFSET = 8;

  /** KVM_MSR_FILTER_READ and KVM_MSR_FILTER_WRITE. */
  private static final int FILTER_BOTH = 3;

  private static final int MOST_MSRS = 1 << 16;

  private KvmInterruptCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("irqchip", words -> onVm(Ioctls.CREATE_IRQCHIP));
    calls.put("pit2", KvmInterruptCalls::timer);
    calls.put("irq_line", words -> line(words, false));
    calls.put("irq_status", words -> line(words, true));
    calls.put("get_irqchip", KvmInterruptCalls::chip);
    calls.put(
        "get_pit2", words -> KvmMemoryCalls.onVm(Ioctls.GET_PIT2, structure(Ioctls.GET_PIT2)));
    calls.put("signal_msi", KvmInterruptCalls::message);
    calls.put("gsi_routing", KvmInterruptCalls::routing);
    calls.put("eventfd", KvmInterruptCalls::eventfd);
    calls.put("eventfd_read", KvmInterruptCalls::readEventfd);
    calls.put("irqfd", KvmInterruptCalls::irqfd);
    calls.put("ioeventfd", KvmInterruptCalls::ioeventfd);
    calls.put("msr_filter", KvmInterruptCalls::filter);
    calls.put("identity_map", KvmInterruptCalls::identityMap);
  }

  private static String vm(String handle) {
    return handle == null ? Handles.VM : handle;
  }

  private static byte[] structure(int request) {
    return new byte[Ioctls.size(request)];
  }

  private static SessionCall onVm(int request) {
    return SessionCall.immediate(
        (actor, handle, answer) -> answer.result(KvmCaller.call(actor, vm(handle), request, 0L)));
  }

  /** struct kvm_pit_config. */
  private static SessionCall timer(Words words) {
    byte[] structure = structure(Ioctls.CREATE_PIT2);
    LittleEndian.putInt(structure, 0, (int) words.flags("FLAGS", Map.of()));
    return KvmMemoryCalls.onVm(Ioctls.CREATE_PIT2, structure);
  }

  /** struct kvm_irq_level. */
  private static SessionCall line(Words words, boolean status) {
    int request = status ? Ioctls.IRQ_LINE_STATUS : Ioctls.IRQ_LINE;
    byte[] structure = structure(request);
    LittleEndian.putInt(structure, 0, KvmSystemCalls.unsignedInt(words, "GSI"));
    LittleEndian.putInt(structure, 4, KvmSystemCalls.unsignedInt(words, "LEVEL"));
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] copy = structure.clone();
          answer.result(KvmCaller.call(actor, vm(handle), request, copy));
          if (status) {
            answer.put("status", LittleEndian.getInt(copy, 0));
          }
        });
  }

  /** struct kvm_irqchip. */
  private static SessionCall chip(Words words) {
    byte[] structure = structure(Ioctls.GET_IRQCHIP);
    int id = KvmSystemCalls.unsignedInt(words, "ID");
    LittleEndian.putInt(structure, 0, id);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] copy = structure.clone();
          long result = KvmCaller.call(actor, vm(handle), Ioctls.GET_IRQCHIP, copy);
          answer.result(result);
          if (result >= 0) {
            int bytes = id == IOAPIC ? IOAPIC_BYTES : CHIP_BYTES;
            answer.put("chip", Hex.trimmed(copy, CHIP_OFFSET, bytes));
          }
        });
  }

  /** struct kvm_msi. */
  private static SessionCall message(Words words) {
    byte[] structure = structure(Ioctls.SIGNAL_MSI);
    LittleEndian.putLong(structure, 0, words.unsigned("ADDR"));
    LittleEndian.putInt(structure, 8, KvmSystemCalls.unsignedInt(words, "DATA"));
    return KvmMemoryCalls.onVm(Ioctls.SIGNAL_MSI, structure);
  }

  /** struct kvm_irq_routing. */
  private static SessionCall routing(Words words) {
    List<int[]> routes = new ArrayList<>();
    while (words.hasNext()) {
      String[] parts = words.word("GSI:TYPE:CHIP:PIN").split(":", -1);
      if (parts.length != ROUTE_PARTS) {
        throw new BadOpException("'" + String.join(":", parts) + "' is not GSI:TYPE:CHIP:PIN");
      }
      int[] route = new int[ROUTE_PARTS];
      for (int i = 0; i < ROUTE_PARTS; i++) {
        route[i] = KvmSystemCalls.unsignedInt(new Words(parts[i]), "a part of a route");
      }
      routes.add(route);
    }
    byte[] structure = new byte[ROUTE_HEADER_BYTES + routes.size() * ROUTE_BYTES];
    LittleEndian.putInt(structure, 0, routes.size());
    for (int i = 0; i < routes.size(); i++) {
      int at = ROUTE_HEADER_BYTES + i * ROUTE_BYTES;
      LittleEndian.putInt(structure, at, routes.get(i)[0]);
      LittleEndian.putInt(structure, at + 4, routes.get(i)[1]);
      LittleEndian.putInt(structure, at + 16, routes.get(i)[2]);
      LittleEndian.putInt(structure, at + 20, routes.get(i)[3]);
    }
    return KvmMemoryCalls.onVm(Ioctls.SET_GSI_ROUTING, structure);
  }

  private static SessionCall eventfd(Words words) {
    String name = SessionParser.handle(words, "H");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          actor.handles().add(name, new KvmDescription(new EventCounter()));
          answer.result(0);
        });
  }

  /** read(2) of an eventfd that does not wait. */
  private static SessionCall readEventfd(Words words) {
    String name = SessionParser.handle(words, "H");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          if (actor.handles().service(name) instanceof EventDescriptor event) {
            long value = event.consume();
            answer.result(value == 0 ? -Errno.EAGAIN : Long.BYTES);
            answer.put("value", value);
          } else {
            answer.result(actor.handles().get(name) == null ? -Errno.EBADF : -Errno.EINVAL);
            answer.put("value", 0);
          }
        });
  }

  /** struct kvm_irqfd. */
  private static SessionCall irqfd(Words words) {
    String name = SessionParser.handle(words, "H");
    byte[] structure = structure(Ioctls.IRQFD);
    LittleEndian.putInt(structure, 4, KvmSystemCalls.unsignedInt(words, "GSI"));
    LittleEndian.putInt(structure, 8, (int) words.flags("FLAGS", Map.of()));
    return withEvent(name, Ioctls.IRQFD, structure, 0);
  }

  /** struct kvm_ioeventfd. */
  private static SessionCall ioeventfd(Words words) {
    String name = SessionParser.handle(words, "H");
    byte[] structure = structure(Ioctls.IOEVENTFD);
    LittleEndian.putLong(structure, 8, words.unsigned("ADDR"));
    LittleEndian.putInt(structure, 16, KvmSystemCalls.unsignedInt(words, "LEN"));
    LittleEndian.putInt(structure, 24, (int) words.flags("FLAGS", Map.of()));
    LittleEndian.putLong(structure, 0, words.unsigned("DATA"));
    return withEvent(name, Ioctls.IOEVENTFD, structure, 20);
  }

  private static SessionCall withEvent(String name, int request, byte[] structure, int offset) {
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] copy = structure.clone();
          LittleEndian.putInt(copy, offset, actor.handles().number(name));
          answer.result(KvmCaller.call(actor, vm(handle), request, copy));
        });
  }

  /** struct kvm_msr_filter with one range at most. */
  private static SessionCall filter(Words words) {
    byte[] structure = structure(Ioctls.X86_SET_MSR_FILTER);
    LittleEndian.putInt(structure, 0, (int) words.flags("FLAGS", Map.of()));
    boolean ranged = words.hasNext();
    if (ranged) {
      LittleEndian.putInt(structure, 8, FILTER_BOTH);
      LittleEndian.putInt(structure, 16, KvmSystemCalls.unsignedInt(words, "BASE"));
      LittleEndian.putInt(structure, 12, KvmSystemCalls.unsignedInt(words, "COUNT"));
    }
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          KvmCaller caller = new KvmCaller(actor);
          byte[] copy = structure.clone();
          if (ranged) {
            LittleEndian.putLong(copy, 24, caller.add(new byte[MOST_MSRS / Byte.SIZE]));
          }
          answer.result(caller.call(vm(handle), Ioctls.X86_SET_MSR_FILTER, caller.add(copy)));
        });
  }

  private static SessionCall identityMap(Words words) {
    byte[] structure = structure(Ioctls.SET_IDENTITY_MAP_ADDR);
    LittleEndian.putLong(structure, 0, words.unsigned("ADDR"));
    return KvmMemoryCalls.onVm(Ioctls.SET_IDENTITY_MAP_ADDR, structure);
  }
}
