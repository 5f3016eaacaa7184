package dev.quire.lab.replay;

import java.util.List;
import java.util.Map;

/**
 * A checked case.
 *
 * @param config of the kernel
 * @param ops to run
 * @param observed what a real kernel answered, one to one with {@code ops}
 * @param stable whether all recordings agreed about the process
 * @param globalCountersReliable whether recordings agreed about counters of the whole machine
 */
record Script(
    ReplayConfig config,
    List<ScriptOp> ops,
    List<Map<String, Object>> observed,
    boolean stable,
    boolean globalCountersReliable) {}
