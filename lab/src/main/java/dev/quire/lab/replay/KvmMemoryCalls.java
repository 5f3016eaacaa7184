package dev.quire.lab.replay;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Operations of KVM scripts on guest memory. */
final class KvmMemoryCalls {
  /** Bitmaps have room for the largest slot that scripts make, and for lies about its size. */
  private static final int BITMAP_BYTES = 1 << 20;

  private KvmMemoryCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("gmem", KvmMemoryCalls::guestMemory);
    calls.put("memslot", words -> slot(words, false));
    calls.put("memslot2", words -> slot(words, true));
    calls.put("memattr", KvmMemoryCalls::attributes);
    calls.put("dirty_log", KvmMemoryCalls::dirtyLog);
    calls.put("clear_dirty", KvmMemoryCalls::clearDirtyLog);
    calls.put("prefault", KvmMemoryCalls::prefault);
    calls.put("coalesced", words -> zone(words, Ioctls.REGISTER_COALESCED_MMIO));
    calls.put("uncoalesced", words -> zone(words, Ioctls.UNREGISTER_COALESCED_MMIO));
  }

  private static String vm(String handle) {
    return handle == null ? Handles.VM : handle;
  }

  private static byte[] structure(int request) {
    return new byte[Ioctls.size(request)];
  }

  /** A call on the VM, of which only the result is observed. */
  static SessionCall onVm(int request, byte[] structure) {
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, vm(handle), request, structure.clone())));
  }

  /** struct kvm_create_guest_memfd. */
  private static SessionCall guestMemory(Words words) {
    byte[] structure = structure(Ioctls.CREATE_GUEST_MEMFD);
    LittleEndian.putLong(structure, 0, words.unsigned("SIZE"));
    LittleEndian.putLong(structure, 8, words.flags("FLAGS", Map.of()));
    if (words.hasNext()) {
      LittleEndian.putLong(structure, 32, words.unsigned("RESERVED"));
    }
    String name = words.hasNext() ? SessionParser.handle(words, "NAME") : Handles.FILE;
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          long result =
              KvmCaller.call(actor, vm(handle), Ioctls.CREATE_GUEST_MEMFD, structure.clone());
          KvmSystemCalls.made(actor, result, name, answer);
        });
  }

  /** struct kvm_userspace_memory_region and kvm_userspace_memory_region2. */
  private static SessionCall slot(Words words, boolean second) {
    int request = second ? Ioctls.SET_USER_MEMORY_REGION2 : Ioctls.SET_USER_MEMORY_REGION;
    byte[] structure = structure(request);
    LittleEndian.putInt(structure, 0, KvmSystemCalls.unsignedInt(words, "SLOT"));
    LittleEndian.putInt(structure, 4, (int) words.flags("FLAGS", Map.of()));
    LittleEndian.putLong(structure, 8, words.unsigned("GPA"));
    LittleEndian.putLong(structure, 16, words.unsigned("SIZE"));
    LittleEndian.putLong(structure, 24, words.address());
    if (!second) {
      return onVm(request, structure);
    }
    String file = words.word("FD");
    LittleEndian.putLong(structure, 32, words.unsigned("OFF"));
    if (words.hasNext()) {
      int padding = (int) words.unsigned("PAD");
      LittleEndian.putInt(structure, 44, padding);
      LittleEndian.putLong(structure, 48, padding);
    }
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] copy = structure.clone();
          LittleEndian.putInt(copy, 40, number(actor, file));
          answer.result(KvmCaller.call(actor, vm(handle), request, copy));
        });
  }

  /** A descriptor's number: of a name, as it stands, or 0 for {@code -}. */
  private static int number(SessionProcess actor, String file) {
    if (file.equals("-")) {
      return 0;
    }
    return file.matches("-?[0-9]{1,9}") ? Integer.parseInt(file) : actor.handles().number(file);
  }

  /** struct kvm_memory_attributes. */
  private static SessionCall attributes(Words words) {
    byte[] structure = structure(Ioctls.SET_MEMORY_ATTRIBUTES);
    LittleEndian.putLong(structure, 0, words.unsigned("GPA"));
    LittleEndian.putLong(structure, 8, words.unsigned("SIZE"));
    LittleEndian.putLong(structure, 16, words.flags("ATTR", Map.of()));
    LittleEndian.putLong(structure, 24, words.flags("FLAGS", Map.of()));
    return onVm(Ioctls.SET_MEMORY_ATTRIBUTES, structure);
  }

  /** struct kvm_dirty_log. */
  private static SessionCall dirtyLog(Words words) {
    int slot = KvmSystemCalls.unsignedInt(words, "SLOT");
    int pages = (int) words.number("PAGES", BITMAP_BYTES * (long) Byte.SIZE);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          KvmCaller caller = new KvmCaller(actor);
          byte[] bitmap = new byte[BITMAP_BYTES];
          byte[] structure = structure(Ioctls.GET_DIRTY_LOG);
          LittleEndian.putInt(structure, 0, slot);
          LittleEndian.putLong(structure, 8, caller.add(bitmap));
          long result = caller.call(vm(handle), Ioctls.GET_DIRTY_LOG, caller.add(structure));
          answer.result(result);
          if (result >= 0) {
            List<Object> words64 = new ArrayList<>();
            for (int word = 0; word < (pages + Long.SIZE - 1) / Long.SIZE; word++) {
              words64.add("0x" + Long.toHexString(LittleEndian.getLong(bitmap, word * Long.BYTES)));
            }
            answer.put("bitmap", words64);
          }
        });
  }

  /** struct kvm_clear_dirty_log. */
  private static SessionCall clearDirtyLog(Words words) {
    byte[] structure = structure(Ioctls.CLEAR_DIRTY_LOG);
    LittleEndian.putInt(structure, 0, KvmSystemCalls.unsignedInt(words, "SLOT"));
    LittleEndian.putLong(structure, 8, words.unsigned("FIRST"));
    LittleEndian.putInt(structure, 4, KvmSystemCalls.unsignedInt(words, "COUNT"));
    long word = words.unsigned("WORD");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          KvmCaller caller = new KvmCaller(actor);
          byte[] bitmap = new byte[BITMAP_BYTES];
          LittleEndian.putLong(bitmap, 0, word);
          byte[] copy = structure.clone();
          LittleEndian.putLong(copy, 16, caller.add(bitmap));
          answer.result(caller.call(vm(handle), Ioctls.CLEAR_DIRTY_LOG, caller.add(copy)));
        });
  }

  /** struct kvm_pre_fault_memory. */
  private static SessionCall prefault(Words words) {
    byte[] structure = structure(Ioctls.PRE_FAULT_MEMORY);
    LittleEndian.putLong(structure, 0, words.unsigned("GPA"));
    LittleEndian.putLong(structure, 8, words.unsigned("SIZE"));
    LittleEndian.putLong(structure, 16, words.flags("FLAGS", Map.of()));
    if (words.hasNext()) {
      LittleEndian.putLong(structure, 24, words.unsigned("PAD"));
    }
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] copy = structure.clone();
          String cpu = handle == null ? Handles.VCPU : handle;
          answer.result(KvmCaller.call(actor, cpu, Ioctls.PRE_FAULT_MEMORY, copy));
          answer.hex("out_gpa", LittleEndian.getLong(copy, 0));
          answer.hex("out_size", LittleEndian.getLong(copy, 8));
        });
  }

  /** struct kvm_coalesced_mmio_zone. */
  private static SessionCall zone(Words words, int request) {
    byte[] structure = structure(request);
    LittleEndian.putLong(structure, 0, words.unsigned("ADDR"));
    LittleEndian.putInt(structure, 8, KvmSystemCalls.unsignedInt(words, "SIZE"));
    LittleEndian.putInt(structure, 12, KvmSystemCalls.unsignedInt(words, "PIO"));
    return onVm(request, structure);
  }
}
