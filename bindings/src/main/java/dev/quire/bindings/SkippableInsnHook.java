package dev.quire.bindings;

/** Called for x86 CPUID, RDTSC or RDTSCP. */
@FunctionalInterface
public interface SkippableInsnHook {
  /** Returns true when the hook did the instruction's work, false to let the engine do it. */
  boolean execute();
}
