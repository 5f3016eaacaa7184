package dev.quire.lab.replay;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.lab.replay.Assignments.FieldValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Operations of KVM scripts on the registers of an x86 vCPU that every program has. */
final class KvmRegisterCalls {
  private static final int RFLAGS_ALWAYS = 2;
  private static final int SEGMENT_BYTES = 24;
  private static final int TABLE_BYTES = 16;
  private static final String[] SEGMENTS = {"cs", "ds", "es", "fs", "gs", "ss", "tr", "ldt"};

  /** struct kvm_regs. */
  private static final Map<String, KvmField> REGISTERS = new LinkedHashMap<>();

  /** struct kvm_sregs, its numbers one by one. */
  private static final Map<String, KvmField> SPECIAL = new LinkedHashMap<>();

  /** Its parts as they are observed: the fields of each; a number has one. */
  private static final Map<String, List<KvmField>> PARTS = new LinkedHashMap<>();

  private static final Map<String, Map<String, Long>> PRESETS = new LinkedHashMap<>();

  static {
    String[] registers =
        "rax rbx rcx rdx rsi rdi rsp rbp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags".split(" ");
    for (int i = 0; i < registers.length; i++) {
      REGISTERS.put(registers[i], KvmField.number(i * Long.BYTES, Long.BYTES));
    }
    String[] controls = "cr0 cr2 cr3 cr4 cr8 efer apic_base".split(" ");
    int tables = SEGMENTS.length * SEGMENT_BYTES;
    int firstControl = tables + 2 * TABLE_BYTES;
    for (int i = 0; i < controls.length; i++) {
      KvmField field = KvmField.number(firstControl + i * Long.BYTES, Long.BYTES);
      SPECIAL.put(controls[i], field);
      PARTS.put(controls[i], List.of(field));
    }
    SPECIAL.put("intr0", KvmField.number(firstControl + controls.length * Long.BYTES, Long.BYTES));
    table("gdt", tables);
    table("idt", tables + TABLE_BYTES);
    for (int i = 0; i < SEGMENTS.length; i++) {
      segment(SEGMENTS[i], i * SEGMENT_BYTES);
    }
    PRESETS.put("real", realMode());
    PRESETS.put("prot", flat(0x11, 0, 0, 0, false));
    PRESETS.put("long", flat(0x8005_0033L, 0x2000, 0x20, 0x500, true));
  }

  private KvmRegisterCalls() {}

  private static void table(String name, int offset) {
    KvmField base = KvmField.number(offset, Long.BYTES);
    KvmField limit = KvmField.number(offset + Long.BYTES, Short.BYTES);
    SPECIAL.put(name + ".base", base);
    SPECIAL.put(name + ".limit", limit);
    PARTS.put(name, List.of(base, limit));
  }

  /** struct kvm_segment. */
  private static void segment(String name, int offset) {
    List<KvmField> fields = new ArrayList<>();
    fields.add(KvmField.number(offset, Long.BYTES));
    fields.add(KvmField.number(offset + 8, Integer.BYTES));
    fields.add(KvmField.number(offset + 12, Short.BYTES));
    SPECIAL.put(name + ".base", fields.get(0));
    SPECIAL.put(name + ".limit", fields.get(1));
    SPECIAL.put(name + ".sel", fields.get(2));
    String[] attributes = "type present dpl db s l g avl unusable".split(" ");
    for (int i = 0; i < attributes.length; i++) {
      KvmField field = KvmField.number(offset + 14 + i, Byte.BYTES);
      SPECIAL.put(name + "." + attributes[i], field);
      fields.add(field);
    }
    PARTS.put(name, fields);
  }

  private static Map<String, Long> realMode() {
    Map<String, Long> values = new LinkedHashMap<>();
    for (String segment : List.of("cs", "ds", "es", "ss")) {
      values.put(segment + ".base", 0L);
      values.put(segment + ".sel", 0L);
    }
    return values;
  }

  private static Map<String, Long> flat(long cr0, long cr3, long cr4, long efer, boolean longMode) {
    Map<String, Long> values = new LinkedHashMap<>();
    for (String segment : List.of("cs", "ds", "es", "fs", "gs", "ss")) {
      boolean code = segment.equals("cs");
      values.put(segment + ".base", 0L);
      values.put(segment + ".limit", 0xffff_ffffL);
      values.put(segment + ".sel", code ? 8L : 16L);
      values.put(segment + ".type", code ? 11L : 3L);
      values.put(segment + ".present", 1L);
      values.put(segment + ".dpl", 0L);
      values.put(segment + ".db", code && longMode ? 0L : 1L);
      values.put(segment + ".s", 1L);
      values.put(segment + ".l", code && longMode ? 1L : 0L);
      values.put(segment + ".g", 1L);
      values.put(segment + ".avl", 0L);
      values.put(segment + ".unusable", 0L);
    }
    values.put("cr0", cr0);
    if (longMode) {
      values.put("cr3", cr3);
      values.put("cr4", cr4);
      values.put("efer", efer);
    }
    return values;
  }

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("regs", KvmRegisterCalls::setRegisters);
    calls.put("get_regs", words -> SessionCall.immediate(KvmRegisterCalls::getRegisters));
    calls.put("sregs", KvmRegisterCalls::setSpecial);
    calls.put("get_sregs", words -> getSpecial(List.copyOf(PARTS.keySet())));
    calls.put("get_sreg", KvmRegisterCalls::getSome);
  }

  private static String cpu(String handle) {
    return handle == null ? Handles.VCPU : handle;
  }

  private static byte[] structure(int request) {
    return new byte[Ioctls.size(request)];
  }

  private static SessionCall setRegisters(Words words) {
    List<FieldValue> values = Assignments.of(words).fields(REGISTERS);
    byte[] structure = structure(Ioctls.SET_REGS);
    LittleEndian.putLong(structure, REGISTERS.get("rflags").offset(), RFLAGS_ALWAYS);
    values.forEach(value -> value.put(structure));
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, cpu(handle), Ioctls.SET_REGS, structure.clone())));
  }

  private static void getRegisters(SessionProcess actor, String handle, Answer answer) {
    byte[] structure = structure(Ioctls.GET_REGS);
    long result = KvmCaller.call(actor, cpu(handle), Ioctls.GET_REGS, structure);
    answer.result(result);
    if (result >= 0) {
      answer.put("regs", observed(structure));
    }
  }

  /** The registers of a vCPU as they are observed; null if it does not tell them. */
  static Map<String, Object> registers(SessionProcess actor, String name) {
    byte[] structure = structure(Ioctls.GET_REGS);
    long result = KvmCaller.call(actor, name, Ioctls.GET_REGS, structure);
    return result < 0 ? null : observed(structure);
  }

  private static Map<String, Object> observed(byte[] structure) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("rip", REGISTERS.get("rip").text(structure));
    fields.put("rflags", REGISTERS.get("rflags").text(structure));
    REGISTERS.forEach(
        (name, field) -> {
          if (field.get(structure) != 0) {
            fields.put(name, field.text(structure));
          }
        });
    return fields;
  }

  /** Reads, changes and writes back. */
  private static SessionCall setSpecial(Words words) {
    List<FieldValue> values = new ArrayList<>();
    if (words.nextIs(PRESETS.keySet())) {
      PRESETS
          .get(words.word("PRESET"))
          .forEach((name, value) -> values.add(FieldValue.of(SPECIAL.get(name), value)));
    }
    values.addAll(Assignments.of(words).fields(SPECIAL));
    return change(Ioctls.GET_SREGS, Ioctls.SET_SREGS, values);
  }

  /** A structure of the vCPU, read, changed and written back. */
  static SessionCall change(int get, int set, List<FieldValue> values) {
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] structure = structure(get);
          long result = KvmCaller.call(actor, cpu(handle), get, structure);
          if (result >= 0) {
            values.forEach(value -> value.put(structure));
            result = KvmCaller.call(actor, cpu(handle), set, structure);
          }
          answer.result(result);
        });
  }

  private static SessionCall getSome(Words words) {
    List<String> parts = new ArrayList<>();
    do {
      String part = words.word("F");
      if (!PARTS.containsKey(part)) {
        throw new BadOpException(
            "'" + part + "' is not one of " + String.join(", ", PARTS.keySet()));
      }
      parts.add(part);
    } while (words.hasNext());
    return getSpecial(parts);
  }

  private static SessionCall getSpecial(List<String> parts) {
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] structure = structure(Ioctls.GET_SREGS);
          long result = KvmCaller.call(actor, cpu(handle), Ioctls.GET_SREGS, structure);
          answer.result(result);
          if (result >= 0) {
            parts.forEach(part -> answer.put(part, observed(PARTS.get(part), structure)));
          }
        });
  }

  /** A number as text; several as a list, of which what is as wide as a byte stays a number. */
  private static Object observed(List<KvmField> fields, byte[] structure) {
    if (fields.size() == 1) {
      return fields.getFirst().text(structure);
    }
    List<Object> values = new ArrayList<>();
    for (KvmField field : fields) {
      values.add(
          field.size() == Byte.BYTES ? (Object) field.get(structure) : field.text(structure));
    }
    return values;
  }
}
