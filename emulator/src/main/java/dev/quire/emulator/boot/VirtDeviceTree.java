package dev.quire.emulator.boot;

/**
 * The device tree of the arm64 machine, which follows QEMU's virt (hw/arm/virt.c). Bindings: Linux
 * Documentation/devicetree/bindings.
 */
final class VirtDeviceTree {
  /** A GICv2 has eight CPU interfaces. */
  static final int MAX_CPUS = 8;

  private static final int GIC = 1;
  private static final int CLOCK = 2;

  /** First cell of an interrupt. */
  private static final int SPI = 0;

  private static final int PPI = 1;
  private static final int LEVEL_HIGH = 4;

  /** PPIs by number from intid 16. */
  private static final int SECURE_TIMER = 13;

  private static final int PHYSICAL_TIMER = 14;
  private static final int VIRTUAL_TIMER = 11;
  private static final int HYPERVISOR_TIMER = 10;

  private VirtDeviceTree() {}

  /**
   * @param initrdBytes 0 if there is no initrd
   */
  static byte[] build(
      GuestRam ram, int cpus, String commandLine, long initrdGpa, long initrdBytes) {
    DeviceTreeWriter tree = new DeviceTreeWriter();
    tree.begin("")
        .texts("model", "quire,virt")
        .texts("compatible", "linux,dummy-virt")
        .cells("#address-cells", 2)
        .cells("#size-cells", 2)
        .cells("interrupt-parent", GIC);
    tree.begin("chosen").texts("stdout-path", "/pl011@9000000").texts("bootargs", commandLine);
    if (initrdBytes != 0) {
      tree.doubleCells("linux,initrd-start", initrdGpa);
      tree.doubleCells("linux,initrd-end", initrdGpa + initrdBytes);
    }
    tree.end();
    for (GuestRam.Range range : ram.ranges()) {
      tree.begin("memory@%x".formatted(range.gpa()))
          .texts("device_type", "memory")
          .doubleCells("reg", range.gpa(), range.bytes())
          .end();
    }
    putCpus(tree, cpus);
    putInterruptsAndTimer(tree, cpus);
    putDevices(tree);
    return tree.end().finish();
  }

  private static void putCpus(DeviceTreeWriter tree, int cpus) {
    tree.begin("psci").texts("compatible", "arm,psci-1.0", "arm,psci-0.2").texts("method", "hvc");
    tree.end().begin("cpus").cells("#address-cells", 1).cells("#size-cells", 0);
    for (int cpu = 0; cpu < cpus; cpu++) {
      tree.begin("cpu@" + cpu)
          .texts("device_type", "cpu")
          .texts("compatible", "arm,armv8")
          .cells("reg", cpu)
          .texts("enable-method", "psci")
          .end();
    }
    tree.end();
  }

  private static void putInterruptsAndTimer(DeviceTreeWriter tree, int cpus) {
    tree.begin("intc@8000000")
        .texts("compatible", "arm,cortex-a15-gic")
        .flag("interrupt-controller")
        .cells("#interrupt-cells", 3)
        .cells("#address-cells", 0)
        .doubleCells("reg", 0x0800_0000, 0x1_0000, 0x0801_0000, 0x1_0000)
        .cells("phandle", GIC)
        .end();
    int flags = LEVEL_HIGH | (1 << cpus) - 1 << 8;
    tree.begin("timer")
        .texts("compatible", "arm,armv8-timer")
        .flag("always-on")
        .cells(
            "interrupts",
            PPI,
            SECURE_TIMER,
            flags,
            PPI,
            PHYSICAL_TIMER,
            flags,
            PPI,
            VIRTUAL_TIMER,
            flags,
            PPI,
            HYPERVISOR_TIMER,
            flags)
        .end();
  }

  private static void putDevices(DeviceTreeWriter tree) {
    tree.begin("apb-pclk")
        .texts("compatible", "fixed-clock")
        .cells("#clock-cells", 0)
        .cells("clock-frequency", 24_000_000)
        .texts("clock-output-names", "clk24mhz")
        .cells("phandle", CLOCK)
        .end();
    tree.begin("pl011@9000000")
        .texts("compatible", "arm,pl011", "arm,primecell")
        .doubleCells("reg", 0x0900_0000, 0x1000)
        .cells("interrupts", SPI, 1, LEVEL_HIGH)
        .cells("clocks", CLOCK, CLOCK)
        .texts("clock-names", "uartclk", "apb_pclk")
        .end();
    tree.begin("pl031@9010000")
        .texts("compatible", "arm,pl031", "arm,primecell")
        .doubleCells("reg", 0x0901_0000, 0x1000)
        .cells("interrupts", SPI, 2, LEVEL_HIGH)
        .cells("clocks", CLOCK)
        .texts("clock-names", "apb_pclk")
        .end();
    tree.begin("debug-exit@90f0000")
        .texts("compatible", "quire,debug-exit")
        .doubleCells("reg", 0x090f_0000, 0x1000)
        .end();
  }
}
