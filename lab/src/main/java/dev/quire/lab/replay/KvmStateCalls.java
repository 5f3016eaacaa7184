package dev.quire.lab.replay;

import dev.quire.kvm.abi.Ioctls;
import dev.quire.kvm.abi.LittleEndian;
import dev.quire.lab.replay.Assignments.Assignment;
import dev.quire.lab.replay.Assignments.FieldValue;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Operations of KVM scripts on what else a vCPU holds. */
final class KvmStateCalls {
  private static final Map<String, KvmField> FPU =
      named(
          "fcw", KvmField.number(128, 2),
          "fsw", KvmField.number(130, 2),
          "ftwx", KvmField.number(132, 1),
          "mxcsr", KvmField.number(408, 4),
          "st0", KvmField.raw(0, 16),
          "xmm0", KvmField.raw(152, 16));

  /** The FXSAVE part and the header of an XSAVE area. */
  private static final Map<String, KvmField> XSAVE =
      named(
          "fcw", KvmField.number(0, 2),
          "mxcsr", KvmField.number(24, 4),
          "xstate_bv", KvmField.number(512, 8),
          "xmm0", KvmField.raw(160, 16));

  private static final Map<String, KvmField> XSAVE_SETTABLE =
      with(
          XSAVE,
          "fsw",
          KvmField.number(2, 2),
          "ftw",
          KvmField.number(4, 1),
          "st0",
          KvmField.raw(32, 16),
          "xcomp_bv",
          KvmField.number(520, 8));

  private static final Map<String, KvmField> DEBUG =
      named(
          "dr0", KvmField.number(0, 8),
          "dr1", KvmField.number(8, 8),
          "dr2", KvmField.number(16, 8),
          "dr3", KvmField.number(24, 8),
          "dr6", KvmField.number(32, 8),
          "dr7", KvmField.number(40, 8));

  private static final Map<String, KvmField> DEBUG_SETTABLE =
      with(DEBUG, "flags", KvmField.number(48, 8));

  /** struct kvm_vcpu_events. */
  private static final Map<String, KvmField> EVENTS = new LinkedHashMap<>();

  static {
    String[] bytes =
        ("exc nr has_err exc_pending . . . . intr intr_nr intr_soft shadow"
                + " nmi nmi_pending nmi_masked . . . . . . . . ."
                + " smm smi_pending smm_inside_nmi latched_init triple_fault")
            .split(" ");
    for (int i = 0; i < bytes.length; i++) {
      if (!bytes[i].equals(".")) {
        EVENTS.put(bytes[i], KvmField.number(i, 1));
      }
    }
    EVENTS.put("err", KvmField.number(4, 4));
    EVENTS.put("sipi", KvmField.number(16, 4));
    EVENTS.put("flags", KvmField.number(20, 4));
    EVENTS.put("has_payload", KvmField.number(55, 1));
    EVENTS.put("payload", KvmField.number(56, 8));
  }

  /** struct kvm_guest_debug behind its first word. */
  private static final Map<String, KvmField> BREAKPOINTS = new LinkedHashMap<>();

  static {
    for (int i = 0; i < 8; i++) {
      BREAKPOINTS.put("dr" + i, KvmField.number(8 + i * Long.BYTES, Long.BYTES));
    }
  }

  private static final int LIST_HEADER_BYTES = 8;
  private static final int MSR_BYTES = 16;
  private static final int CPUID_BYTES = 40;
  private static final int CPUID_PARTS = 6;

  /** More than KVM_MAX_CPUID_ENTRIES and than there are registers. */
  private static final int MOST_ENTRIES = 100_000;

  private static final int CPUID_ROOM = 256;

  private KvmStateCalls() {}

  static void addTo(Map<String, Function<Words, SessionCall>> calls) {
    calls.put("set_msrs", KvmStateCalls::setMsrs);
    calls.put("get_msrs", KvmStateCalls::getMsrs);
    calls.put("msr_index_list", KvmStateCalls::msrIndexList);
    calls.put("cpuid_supported", words -> SessionCall.immediate(KvmStateCalls::supportedCpuid));
    calls.put("set_cpuid2", KvmStateCalls::setCpuid);
    calls.put("get_cpuid2", KvmStateCalls::getCpuid);
    calls.put("get_supported_cpuid", KvmStateCalls::getSupportedCpuid);
    calls.put("set_fpu", words -> change(words, Ioctls.GET_FPU, Ioctls.SET_FPU, FPU));
    calls.put("get_fpu", words -> fields(Ioctls.GET_FPU, FPU));
    calls.put(
        "set_xsave", words -> change(words, Ioctls.GET_XSAVE, Ioctls.SET_XSAVE, XSAVE_SETTABLE));
    calls.put("get_xsave", words -> fields(Ioctls.GET_XSAVE, XSAVE));
    calls.put(
        "set_debugregs",
        words -> change(words, Ioctls.GET_DEBUGREGS, Ioctls.SET_DEBUGREGS, DEBUG_SETTABLE));
    calls.put("get_debugregs", words -> fields(Ioctls.GET_DEBUGREGS, DEBUG));
    calls.put("get_xcrs", words -> SessionCall.immediate(KvmStateCalls::getXcrs));
    calls.put("set_xcr0", KvmStateCalls::setXcr0);
    calls.put(
        "set_events",
        words -> change(words, Ioctls.GET_VCPU_EVENTS, Ioctls.SET_VCPU_EVENTS, EVENTS));
    calls.put("get_events", words -> SessionCall.immediate(KvmStateCalls::getEvents));
    calls.put("get_mp_state", words -> SessionCall.immediate(KvmStateCalls::getMpState));
    calls.put("set_mp_state", words -> word(words, Ioctls.SET_MP_STATE));
    calls.put("translate", KvmStateCalls::translate);
    calls.put("interrupt", words -> word(words, Ioctls.INTERRUPT));
    calls.put(
        "nmi",
        words ->
            SessionCall.immediate(
                (actor, handle, answer) ->
                    answer.result(KvmCaller.call(actor, cpu(handle), Ioctls.NMI, 0L))));
    calls.put("guest_debug", KvmStateCalls::guestDebug);
  }

  private static Map<String, KvmField> named(Object... namesAndFields) {
    return with(Map.of(), namesAndFields);
  }

  private static Map<String, KvmField> with(Map<String, KvmField> more, Object... namesAndFields) {
    Map<String, KvmField> fields = new LinkedHashMap<>(more);
    for (int i = 0; i < namesAndFields.length; i += 2) {
      fields.put((String) namesAndFields[i], (KvmField) namesAndFields[i + 1]);
    }
    return fields;
  }

  private static String cpu(String handle) {
    return handle == null ? Handles.VCPU : handle;
  }

  private static byte[] structure(int request) {
    return new byte[Ioctls.size(request)];
  }

  private static SessionCall change(Words words, int get, int set, Map<String, KvmField> known) {
    return KvmRegisterCalls.change(get, set, Assignments.of(words).fields(known));
  }

  /** Reads a structure and tells some of its fields. */
  private static SessionCall fields(int request, Map<String, KvmField> known) {
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] structure = structure(request);
          long result = KvmCaller.call(actor, cpu(handle), request, structure);
          answer.result(result);
          if (result >= 0) {
            known.forEach((name, field) -> answer.put(name, field.text(structure)));
          }
        });
  }

  /** A call with a structure of one word. */
  private static SessionCall word(Words words, int request) {
    byte[] structure = structure(request);
    LittleEndian.putInt(structure, 0, KvmSystemCalls.unsignedInt(words, "V"));
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, cpu(handle), request, structure.clone())));
  }

  /** struct kvm_msrs. */
  private static SessionCall setMsrs(Words words) {
    List<Assignment> values = Assignments.of(words).list();
    byte[] structure = msrs(values.size());
    for (int i = 0; i < values.size(); i++) {
      int at = LIST_HEADER_BYTES + i * MSR_BYTES;
      String index = values.get(i).name();
      LittleEndian.putInt(structure, at, KvmSystemCalls.unsignedInt(new Words(index), "I"));
      LittleEndian.putLong(structure, at + 8, values.get(i).number());
    }
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, cpu(handle), Ioctls.SET_MSRS, structure.clone())));
  }

  private static byte[] msrs(int count) {
    byte[] structure = new byte[LIST_HEADER_BYTES + count * MSR_BYTES];
    LittleEndian.putInt(structure, 0, count);
    return structure;
  }

  private static SessionCall getMsrs(Words words) {
    List<Integer> indexes = new ArrayList<>();
    while (words.hasNext()) {
      indexes.add(KvmSystemCalls.unsignedInt(words, "I"));
    }
    byte[] structure = msrs(indexes.size());
    for (int i = 0; i < indexes.size(); i++) {
      LittleEndian.putInt(structure, LIST_HEADER_BYTES + i * MSR_BYTES, indexes.get(i));
    }
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] copy = structure.clone();
          long result = KvmCaller.call(actor, cpu(handle), Ioctls.GET_MSRS, copy);
          answer.result(result);
          Map<String, Object> values = new LinkedHashMap<>();
          for (int i = 0; i < result; i++) {
            int at = LIST_HEADER_BYTES + i * MSR_BYTES;
            values.put(
                "0x" + Integer.toHexString(indexes.get(i)),
                "0x" + Long.toHexString(LittleEndian.getLong(copy, at + 8)));
          }
          answer.put("msrs", values);
        });
  }

  /** struct kvm_msr_list. */
  private static SessionCall msrIndexList(Words words) {
    int count = (int) words.number("N", MOST_ENTRIES);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] structure = new byte[(count + 1) * Integer.BYTES];
          LittleEndian.putInt(structure, 0, count);
          String kvm = handle == null ? Handles.KVM : handle;
          answer.result(KvmCaller.call(actor, kvm, Ioctls.GET_MSR_INDEX_LIST, structure));
          answer.put("nmsrs_grew", LittleEndian.getInt(structure, 0) > count ? 1 : 0);
        });
  }

  private static byte[] cpuid(int entries) {
    byte[] structure = new byte[LIST_HEADER_BYTES + entries * CPUID_BYTES];
    LittleEndian.putInt(structure, 0, entries);
    return structure;
  }

  private static void supportedCpuid(SessionProcess actor, String handle, Answer answer) {
    byte[] structure = cpuid(CPUID_ROOM);
    long result = KvmCaller.call(actor, Handles.KVM, Ioctls.GET_SUPPORTED_CPUID, structure);
    answer.result(
        result < 0 ? result : KvmCaller.call(actor, cpu(handle), Ioctls.SET_CPUID2, structure));
  }

  /** struct kvm_cpuid2. */
  private static SessionCall setCpuid(Words words) {
    List<int[]> entries = new ArrayList<>();
    while (words.hasNext()) {
      String[] parts = words.word("FN:IDX:A:B:C:D").split(":", -1);
      if (parts.length != CPUID_PARTS) {
        throw new BadOpException("'" + String.join(":", parts) + "' is not FN:IDX:A:B:C:D");
      }
      int[] entry = new int[CPUID_PARTS];
      for (int i = 0; i < CPUID_PARTS; i++) {
        entry[i] = KvmSystemCalls.unsignedInt(new Words(parts[i]), "a part of an entry");
      }
      entries.add(entry);
    }
    byte[] structure = cpuid(entries.size());
    for (int i = 0; i < entries.size(); i++) {
      int at = LIST_HEADER_BYTES + i * CPUID_BYTES;
      int[] entry = entries.get(i);
      LittleEndian.putInt(structure, at, entry[0]);
      LittleEndian.putInt(structure, at + 4, entry[1]);
      // KVM_CPUID_FLAG_SIGNIFCANT_INDEX
      LittleEndian.putInt(structure, at + 8, entry[1] == 0 ? 0 : 1);
      for (int register = 2; register < CPUID_PARTS; register++) {
        LittleEndian.putInt(structure, at + 4 + register * 4, entry[register]);
      }
    }
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(
                KvmCaller.call(actor, cpu(handle), Ioctls.SET_CPUID2, structure.clone())));
  }

  private static SessionCall getCpuid(Words words) {
    int room = (int) words.number("NENT", MOST_ENTRIES);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] structure = cpuid(room);
          long result = KvmCaller.call(actor, cpu(handle), Ioctls.GET_CPUID2, structure);
          answer.result(result);
          int count = LittleEndian.getInt(structure, 0);
          answer.put("nent", count);
          if (result >= 0) {
            List<Object> entries = new ArrayList<>();
            for (int i = 0; i < Math.min(count, room); i++) {
              entries.add(cpuidText(structure, LIST_HEADER_BYTES + i * CPUID_BYTES));
            }
            answer.put("entries", entries);
          }
        });
  }

  private static String cpuidText(byte[] structure, int at) {
    StringBuilder text = new StringBuilder();
    text.append("0x").append(Integer.toHexString(LittleEndian.getInt(structure, at)));
    text.append(':').append(Integer.toUnsignedString(LittleEndian.getInt(structure, at + 4)));
    for (int register = 0; register < 4; register++) {
      int value = LittleEndian.getInt(structure, at + 12 + register * 4);
      text.append(":0x").append(Integer.toHexString(value));
    }
    return text.toString();
  }

  private static SessionCall getSupportedCpuid(Words words) {
    int room = (int) words.number("NENT", MOST_ENTRIES);
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          String kvm = handle == null ? Handles.KVM : handle;
          answer.result(KvmCaller.call(actor, kvm, Ioctls.GET_SUPPORTED_CPUID, cpuid(room)));
        });
  }

  /** struct kvm_xcrs. */
  private static void getXcrs(SessionProcess actor, String handle, Answer answer) {
    byte[] structure = structure(Ioctls.GET_XCRS);
    long result = KvmCaller.call(actor, cpu(handle), Ioctls.GET_XCRS, structure);
    answer.result(result);
    if (result >= 0) {
      answer.put("nr", LittleEndian.getInt(structure, 0));
      answer.hex("xcr0", LittleEndian.getLong(structure, 16));
    }
  }

  private static SessionCall setXcr0(Words words) {
    byte[] structure = structure(Ioctls.SET_XCRS);
    LittleEndian.putInt(structure, 0, 1);
    LittleEndian.putLong(structure, 16, words.unsigned("V"));
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(KvmCaller.call(actor, cpu(handle), Ioctls.SET_XCRS, structure.clone())));
  }

  private static void getEvents(SessionProcess actor, String handle, Answer answer) {
    byte[] structure = structure(Ioctls.GET_VCPU_EVENTS);
    long result = KvmCaller.call(actor, cpu(handle), Ioctls.GET_VCPU_EVENTS, structure);
    answer.result(result);
    if (result >= 0) {
      answer.put("exc", numbers(structure, "exc", "nr", "has_err", "err"));
      answer.put("intr", numbers(structure, "intr", "intr_nr", "intr_soft", "shadow"));
      answer.put("nmi", numbers(structure, "nmi", "nmi_pending", "nmi_masked"));
      answer.put("flags", EVENTS.get("flags").text(structure));
    }
  }

  private static List<Object> numbers(byte[] structure, String... names) {
    List<Object> numbers = new ArrayList<>();
    for (String name : names) {
      numbers.add(EVENTS.get(name).get(structure));
    }
    return numbers;
  }

  private static void getMpState(SessionProcess actor, String handle, Answer answer) {
    byte[] structure = structure(Ioctls.GET_MP_STATE);
    long result = KvmCaller.call(actor, cpu(handle), Ioctls.GET_MP_STATE, structure);
    answer.result(result);
    if (result >= 0) {
      answer.put("mp_state", LittleEndian.getInt(structure, 0));
    }
  }

  /** struct kvm_translation. */
  private static SessionCall translate(Words words) {
    long linear = words.unsigned("GVA");
    return SessionCall.immediate(
        (actor, handle, answer) -> {
          byte[] structure = structure(Ioctls.TRANSLATE);
          LittleEndian.putLong(structure, 0, linear);
          long result = KvmCaller.call(actor, cpu(handle), Ioctls.TRANSLATE, structure);
          answer.result(result);
          if (result >= 0) {
            answer.put("valid", LittleEndian.getByte(structure, 16));
            answer.put("writeable", LittleEndian.getByte(structure, 17));
            answer.put("usermode", LittleEndian.getByte(structure, 18));
            answer.hex("gpa", LittleEndian.getLong(structure, 8));
          }
        });
  }

  /** struct kvm_guest_debug. */
  private static SessionCall guestDebug(Words words) {
    byte[] structure = structure(Ioctls.SET_GUEST_DEBUG);
    LittleEndian.putInt(structure, 0, (int) words.flags("CONTROL", Map.of()));
    for (FieldValue value : Assignments.of(words).fields(BREAKPOINTS)) {
      value.put(structure);
    }
    return SessionCall.immediate(
        (actor, handle, answer) ->
            answer.result(
                KvmCaller.call(actor, cpu(handle), Ioctls.SET_GUEST_DEBUG, structure.clone())));
  }
}
