package dev.quire.lab.bench;

/** The baseline of {@link StartBench}: what a JVM costs that does nothing. */
public final class EmptyMain {
  private EmptyMain() {}

  public static void main(String[] args) {}
}
