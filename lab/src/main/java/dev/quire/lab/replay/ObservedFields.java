package dev.quire.lab.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Names of what is observed after an operation. */
final class ObservedFields {
  static final String RET = "ret";
  static final String ERRNO = "errno";
  static final String MINFLT = "minflt";
  static final String MAJFLT = "majflt";
  static final String TOUCHED = "touched";
  static final String SIGNAL = "signal";
  static final String SI_CODE = "si_code";
  static final String SI_PAGE = "si_page";
  static final String THP = "thp";
  static final String VMSTAT = "vmstat";
  static final String PFN_SAME = "pfn_same";
  static final String PFN_CHANGED = "pfn_changed";
  static final String NEWLY_PRESENT = "newly_present";
  static final String GONE = "gone";
  static final String SEGS = "segs";
  static final String VMAS = "vmas";
  static final String INCORE = "incore";
  static final String MINCORE_RET = "mincore_ret";
  static final String MINCORE_ERRNO = "mincore_errno";
  static final String WHO = "who";

  /** The operation's own text; checked when a case is read. */
  static final String OP = "op";

  /** Fields that are there only if something happened: there and missing are different answers. */
  static final Set<String> OCCASIONAL = Set.of(SIGNAL, SI_CODE, SI_PAGE);

  private static final List<String> ALWAYS =
      List.of(RET, PFN_SAME, PFN_CHANGED, NEWLY_PRESENT, GONE, SEGS, VMAS);
  private static final List<String> UNLESS_FORKING = List.of(ERRNO, MINFLT, MAJFLT, THP, VMSTAT);

  private ObservedFields() {}

  /** What must have been observed of an operation. */
  static List<String> required(ScriptOp op) {
    List<String> fields = new ArrayList<>(ALWAYS);
    switch (op.call()) {
      case ScriptOp.Fork _, ScriptOp.ChildExit _ -> {
        return fields;
      }
      case ScriptOp.Touch _ -> fields.add(TOUCHED);
      case ScriptOp.InCore _ -> fields.add(INCORE);
      default -> {}
    }
    fields.addAll(UNLESS_FORKING);
    return fields;
  }
}
