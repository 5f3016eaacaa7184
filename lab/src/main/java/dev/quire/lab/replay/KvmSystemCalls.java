package dev.quire.lab.replay;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.lab.replay.Handles.KvmDescription;
import dev.quire.lab.replay.KvmField.Hex;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/** Operations of KVM scripts that make files, and those that name an ioctl by its number. */
final class KvmSystemCalls {
  private static final int UNSIGNED_BITS = 32;
  private static final int DIRECTION_SHIFT = 30;
  private static final int TYPE = 0xae00;
  private static final int MOST_STRUCTURE = 0x3fff;

  /** Behind what an ioctl names there is more, for structures with lists. */
  private static final int ROOM = 1 << 16;

  /** What a client gets of capabilities in one operation. */
  private static final int MOST_CAPABILITIES = 4096;

  private static final Map<String, Integer> DIRECTIONS = Map.of("n", 0, "w", 1, "r", 2, "rw", 3);

  private KvmSystemCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("kvm", words -> SessionCall.immediate(KvmSystemCalls::open));
    calls.put("vm", KvmSystemCalls::createVm);
    calls.put("vcpu", KvmSystemCalls::createVcpu);
    calls.put("check_ext", KvmSystemCalls::checkExtension);
    calls.put("check_ext_range", KvmSystemCalls::checkExtensions);
    calls.put("enable_cap", KvmSystemCalls::enableCapability);
    calls.put("ioctl", KvmSystemCalls::ioctl);
    calls.put("vm_arg", words -> valued(words, Handles.VM));
    calls.put("cpu_arg", words -> valued(words, Handles.VCPU));
  }

  /** A number of 32 bits without sign. */
  static int unsignedInt(Words words, String what) {
    return (int) words.number(what, (1L << UNSIGNED_BITS) - 1);
  }

  private static void open(SessionProcess actor, String handle, Answer answer) {
    actor
        .handles()
        .add(handle == null ? Handles.KVM : handle, new KvmDescription(actor.family().openKvm()));
    answer.result(0);
  }

  /** An ioctl that makes a file, which gets a name. */
  private static void make(
      SessionProcess actor, String on, int request, long value, String name, Answer answer) {
    long result = KvmCaller.call(actor, on, request, value);
    made(actor, result, name, answer);
  }

  /** A call returned a descriptor, or -errno. */
  static void made(SessionProcess actor, long result, String name, Answer answer) {
    if (result >= 0) {
      actor.handles().name((int) result, name);
    }
    answer.success(result);
  }

  private static SessionCall createVm(Words words) {
    long type = words.unsigned("TYPE");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          if (actor.handles().get(Handles.KVM) == null) {
            open(actor, null, answer);
          }
          String name = handle == null ? Handles.VM : handle;
          make(actor, Handles.KVM, Ioctls.CREATE_VM, type, name, answer);
        });
  }

  private static SessionCall createVcpu(Words words) {
    long id = words.unsigned("ID");
    String name = words.hasNext() ? SessionParser.handle(words, "NAME") : Handles.VCPU;
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          String vm = handle == null ? Handles.VM : handle;
          make(actor, vm, Ioctls.CREATE_VCPU, id, name, answer);
        });
  }

  private static SessionCall checkExtension(Words words) {
    String file = SessionParser.handle(words, "H");
    long capability = words.unsigned("CAP");
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, file, Ioctls.CHECK_EXTENSION, capability)));
  }

  private static SessionCall checkExtensions(Words words) {
    String file = SessionParser.handle(words, "H");
    long first = words.number("FIRST", Integer.MAX_VALUE);
    long last = words.number("LAST", Integer.MAX_VALUE);
    if (last - first >= MOST_CAPABILITIES) {
      throw new BadOpException("more than " + MOST_CAPABILITIES + " capabilities");
    }
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          Map<String, Object> capabilities = new LinkedHashMap<>();
          for (long capability = first; capability <= last; capability++) {
            long result = KvmCaller.call(actor, file, Ioctls.CHECK_EXTENSION, capability);
            if (result != 0) {
              capabilities.put(Long.toString(capability), Math.max(-1, result));
            }
          }
          answer.put(ObservedFields.RET, 0);
          answer.put("caps", capabilities);
        });
  }

  /** struct kvm_enable_cap. */
  private static SessionCall enableCapability(Words words) {
    String file = SessionParser.handle(words, "H");
    byte[] structure = new byte[Ioctls.size(Ioctls.ENABLE_CAP)];
    LittleEndian.putInt(structure, 0, unsignedInt(words, "CAP"));
    LittleEndian.putLong(structure, 8, words.unsigned("ARG0"));
    if (words.hasNext()) {
      LittleEndian.putInt(structure, 4, (int) words.flags("FLAGS", Map.of()));
    }
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, file, Ioctls.ENABLE_CAP, structure.clone())));
  }

  private static SessionCall ioctl(Words words) {
    String file = SessionParser.handle(words, "H");
    String letters = words.word("n, r, w or rw");
    Integer direction = DIRECTIONS.get(letters);
    if (direction == null) {
      throw new BadOpException("'" + letters + "' is not one of n, r, w, rw");
    }
    int number = (int) words.number("NR", 0xff);
    int size = (int) words.number("SIZE", MOST_STRUCTURE);
    int request = direction << DIRECTION_SHIFT | size << Ioctls.SIZE_SHIFT | TYPE | number;
    if (direction == 0) {
      long value = words.unsigned("ARG");
      return SessionCall.immediate(
          (actor, handle, answer) -> answer.result(KvmCaller.call(actor, file, request, value)));
    }
    String text = words.word("ARG");
    if (text.equals("null")) {
      return SessionCall.immediate(
          (actor, handle, answer) -> answer.result(KvmCaller.call(actor, file, request, 0L)));
    }
    byte[] content = text.equals("-") ? new byte[0] : Hex.parse("ARG", text, ROOM);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] structure = Arrays.copyOf(content, ROOM);
          long result = KvmCaller.call(actor, file, request, structure);
          answer.result(result);
          if (result >= 0 && Ioctls.isWritten(request)) {
            answer.put("out", Hex.trimmed(structure, 0, size));
          }
        });
  }

  private static SessionCall valued(Words words, String file) {
    int request = TYPE | (int) words.number("NR", 0xff);
    long value = words.unsigned("ARG");
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, handle == null ? file : handle, request, value)));
  }
}
