package dev.quire.lab.replay;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Parses operations of sessions. In front of one may stand who runs it ({@code tK:} a helper
 * thread, {@code c:} the forked child) and then the descriptor it is on ({@code @NAME}).
 */
final class SessionParser {
  private static final Pattern LANE = Pattern.compile("(c|t[0-9]{1,4}): ?");
  private static final Pattern HANDLE = Pattern.compile("@([A-Za-z0-9_]{1,32}) ");
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_]{1,32}");
  private static final Pattern THREAD = Pattern.compile("t[0-9]{1,4}");

  private static final Map<String, Function<Words, SessionCall>> CALLS = new HashMap<>();

  /** Those of them that only sessions with KVM have. */
  private static final Map<String, Function<Words, SessionCall>> KVM_CALLS = new HashMap<>();

  static {
    KvmSystemCalls.addTo(KVM_CALLS);
    KvmMemoryCalls.addTo(KVM_CALLS);
    KvmInterruptCalls.addTo(KVM_CALLS);
    KvmRegisterCalls.addTo(KVM_CALLS);
    KvmStateCalls.addTo(KVM_CALLS);
    KvmRunCalls.addTo(KVM_CALLS);
    CALLS.putAll(KVM_CALLS);
    ByteCalls.addTo(CALLS);
    DescriptorCalls.addTo(CALLS);
    PageMapCalls.addTo(CALLS);
    UffdCalls.addTo(CALLS);
  }

  private SessionParser() {}

  /**
   * Parses one operation.
   *
   * @throws BadOpException if it is not one
   */
  static SessionOp parse(String text) {
    if (text.length() > OpParser.LONGEST) {
      throw new BadOpException("longer than " + OpParser.LONGEST + " characters");
    }
    String rest = text;
    String lane = SessionOp.PARENT;
    Matcher who = LANE.matcher(rest);
    if (who.lookingAt()) {
      lane = who.group(1);
      rest = rest.substring(who.end());
    }
    String handle = null;
    Matcher on = HANDLE.matcher(rest);
    if (on.lookingAt()) {
      handle = on.group(1);
      rest = rest.substring(on.end());
    }
    Words words = new Words(rest, true);
    String name = words.word("an operation");
    if (name.equals("join") || name.equals("cjoin")) {
      return join(text, lane, handle, name, words);
    }
    return new SessionOp(text, lane, handle, name, false, call(name, lane, words));
  }

  private static SessionOp join(String text, String lane, String handle, String name, Words words) {
    if (!lane.equals(SessionOp.PARENT) || handle != null) {
      throw new BadOpException("only the parent can " + name + ", and without a handle");
    }
    String joined = SessionOp.CHILD;
    if (name.equals("join")) {
      joined = words.word("the thread");
      if (!THREAD.matcher(joined).matches()) {
        throw new BadOpException("'" + joined + "' is not a thread such as t1");
      }
    }
    words.end();
    return new SessionOp(text, joined, null, name, true, null);
  }

  private static SessionCall call(String name, String lane, Words words) {
    Function<Words, SessionCall> parser = CALLS.get(name);
    if (parser != null) {
      SessionCall call = parser.apply(words);
      words.end();
      return call;
    }
    ScriptOp.Call call = OpParser.call(name, words);
    if (call == null || call instanceof ScriptOp.State) {
      throw new BadOpException("unknown operation '" + name + "'");
    }
    boolean family = call instanceof ScriptOp.Fork || call instanceof ScriptOp.ChildExit;
    if (family && lane.equals(SessionOp.CHILD)) {
      throw new BadOpException("the child can neither fork nor be told to end itself");
    }
    return CommonCalls.of(call);
  }

  /** Whether an operation is one of KVM. */
  static boolean isKvm(String name) {
    return KVM_CALLS.containsKey(name);
  }

  /** A word that names a descriptor. */
  static String handle(Words words, String what) {
    String name = words.word(what);
    if (!NAME.matcher(name).matches()) {
      throw new BadOpException(
          what + " '" + name + "' is not a name of up to 32 letters, digits and _");
    }
    return name;
  }
}
