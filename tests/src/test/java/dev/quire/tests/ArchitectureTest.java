package dev.quire.tests;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/**
 * The module graph of docs/ARCHITECTURE.md. Packages of a module may use what is listed for it,
 * themselves and the JDK, and nothing else of ours or of others.
 */
@AnalyzeClasses(packages = "dev.quire", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String CORE = "dev.quire.mmu";
  private static final String TLB = "dev.quire.mmu.tlb..";
  private static final String X86 = "dev.quire.mmu.x86..";
  private static final String ARM64 = "dev.quire.mmu.arm64..";
  private static final String KERNEL = "dev.quire.kernel..";
  private static final String BINDINGS = "dev.quire.bindings..";
  private static final String EMULATOR = "dev.quire.emulator..";
  private static final String KVM = "dev.quire.kvm..";
  private static final String LAB = "dev.quire.lab..";
  private static final String JDK = "java..";
  private static final String TLS = "javax.net.ssl..";
  private static final String MICROMETER = "io.micrometer..";
  private static final String NETTY = "io.netty..";
  private static final String JACKSON = "com.fasterxml.jackson.core..";
  private static final String ZSTD = "com.github.luben.zstd..";

  private static ArchRule mayUseOnly(String module, String... allowed) {
    String[] all = new String[allowed.length + 2];
    System.arraycopy(allowed, 0, all, 2, allowed.length);
    all[0] = module;
    all[1] = JDK;
    return noClasses()
        .that()
        .resideInAPackage(module)
        .should()
        .dependOnClassesThat(
            resideOutsideOfPackages(all).and(DescribedPredicate.not(primitivesAndArrays())))
        .allowEmptyShould(true);
  }

  private static DescribedPredicate<JavaClass> primitivesAndArrays() {
    return DescribedPredicate.describe(
        "primitives and arrays of them", type -> type.getBaseComponentType().isPrimitive());
  }

  @ArchTest static final ArchRule MMU_CORE_USES_ONLY_THE_JDK = mayUseOnly(CORE);

  @ArchTest static final ArchRule TLB_MODEL_USES_ONLY_MMU_CORE = mayUseOnly(TLB, CORE);

  @ArchTest static final ArchRule MMU_X86_KNOWS_NO_TLB_MODEL = mayUseOnly(X86, CORE);

  @ArchTest static final ArchRule MMU_ARM64_KNOWS_NO_TLB_MODEL = mayUseOnly(ARM64, CORE);

  @ArchTest static final ArchRule KERNEL_USES_ONLY_MMU_CORE = mayUseOnly(KERNEL, CORE);

  @ArchTest static final ArchRule BINDINGS_USE_ONLY_THE_JDK = mayUseOnly(BINDINGS);

  @ArchTest
  static final ArchRule EMULATOR_USES_MMUS_KERNEL_AND_BINDINGS =
      mayUseOnly(EMULATOR, CORE, TLB, X86, ARM64, KERNEL, BINDINGS, JACKSON, ZSTD);

  @ArchTest
  static final ArchRule ONLY_JSON_AND_LAB_SPEAK_JACKSON =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.quire.emulator.json..", LAB)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(JACKSON);

  @ArchTest
  static final ArchRule ONLY_SNAPSHOTS_AND_LAB_COMPRESS =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.quire.emulator.snapshot..", LAB)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(ZSTD);

  @ArchTest
  static final ArchRule KVM_SHIM_USES_THE_EMULATOR_AND_WHAT_IT_SPEAKS =
      mayUseOnly(KVM, EMULATOR, CORE, TLB, X86, ARM64, KERNEL, BINDINGS, NETTY, MICROMETER, TLS);

  private static ArchRule kvmRoomUsesOnly(String room, String... rooms) {
    String[] allowed = new String[rooms.length + 1];
    for (int i = 0; i < rooms.length; i++) {
      allowed[i] = "dev.quire.kvm.%s..".formatted(rooms[i]);
    }
    allowed[rooms.length] = "dev.quire.kvm.%s..".formatted(room);
    return noClasses()
        .that()
        .resideInAPackage("dev.quire.kvm.%s..".formatted(room))
        .should()
        .dependOnClassesThat(resideInAPackage(KVM).and(resideOutsideOfPackages(allowed)));
  }

  // The rooms of kvm-shim: numbers and layouts, descriptors and the protocol know nothing of ours;
  // server, where all is put together, knows everything but the client.

  @ArchTest static final ArchRule KVM_ABI_IS_NUMBERS_AND_LAYOUTS = kvmRoomUsesOnly("abi");

  @ArchTest static final ArchRule KVM_DESCRIPTORS_KNOW_NO_KVM = kvmRoomUsesOnly("fd");

  @ArchTest static final ArchRule KVM_WIRE_KNOWS_NO_VM = kvmRoomUsesOnly("wire");

  @ArchTest static final ArchRule KVM_CLIENT_KNOWS_NO_VM = kvmRoomUsesOnly("client", "abi", "wire");

  @ArchTest static final ArchRule KVM_VM_HAS_NO_ARCHITECTURE = kvmRoomUsesOnly("vm", "abi", "fd");

  @ArchTest
  static final ArchRule KVM_X86_FILLS_THE_PORTS_OF_VM = kvmRoomUsesOnly("x86", "abi", "fd", "vm");

  @ArchTest
  static final ArchRule KVM_ARM64_FILLS_THE_PORTS_OF_VM =
      kvmRoomUsesOnly("arm64", "abi", "fd", "vm");

  @ArchTest
  static final ArchRule KVM_HOST_HAS_NO_ARCHITECTURE = kvmRoomUsesOnly("host", "fd", "vm");

  @ArchTest
  static final ArchRule KVM_SERVER_IS_NO_CLIENT =
      noClasses()
          .that()
          .resideInAPackage("dev.quire.kvm.server..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.quire.kvm.client..");

  /** Every package by itself: {@code mmu} and {@code mmu.tlb} are two. */
  @ArchTest
  static final ArchRule PACKAGES_HAVE_NO_CYCLES =
      slices().matching("dev.quire.(**)").should().beFreeOfCycles();

  /** The packages directly under a module's, each with those below it. */
  @ArchTest
  static final ArchRule ROOMS_HAVE_NO_CYCLES =
      slices().matching("dev.quire.(*).(*)..").should().beFreeOfCycles();

  /** A second reading of a manual that used the first would share its mistakes. */
  @ArchTest
  static final ArchRule ORACLES_SHARE_NOTHING_WITH_WHAT_THEY_JUDGE =
      noClasses()
          .that()
          .resideInAPackage("..oracle..")
          .and()
          .haveNameMatching(".*\\.Oracle[A-Za-z0-9$]*")
          .should()
          .dependOnClassesThat(
              resideOutsideOfPackages("..oracle..", JDK)
                  .and(DescribedPredicate.not(primitivesAndArrays()))
                  .and(DescribedPredicate.not(JavaClass.Predicates.simpleName("PhysicalMemory"))));

  @ArchTest
  static final ArchRule ONLY_FUZZING_USES_ORACLES =
      noClasses()
          .that()
          .resideOutsideOfPackages("..oracle..", "dev.quire.lab.fuzz..")
          .should()
          .dependOnClassesThat(resideInAnyPackage("..oracle.."));

  @ArchTest
  static final ArchRule NOTHING_USES_LAB =
      noClasses().that().resideOutsideOfPackage(LAB).should().dependOnClassesThat(inLab());

  private static DescribedPredicate<JavaClass> inLab() {
    return resideInAnyPackage(LAB);
  }

  @ArchTest
  static final ArchRule ONLY_BINDINGS_CROSS_INTO_NATIVE =
      noClasses()
          .that()
          .resideOutsideOfPackage(BINDINGS)
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.lang.foreign.Linker")
          .orShould()
          .dependOnClassesThat()
          .haveFullyQualifiedName("java.lang.foreign.SymbolLookup");

  @ArchTest
  static final ArchRule ONLY_KVM_SHIM_KNOWS_NETTY =
      noClasses()
          .that()
          .resideOutsideOfPackage(KVM)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(NETTY);

  /** Bindings need the host's operating system and instruction set, and the libraries' folder. */
  @ArchTest
  static final ArchRule ONLY_ENTRY_POINTS_READ_THE_ENVIRONMENT =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.quire.lab.cli..", "dev.quire.lab.bench..", BINDINGS)
          .should()
          .callMethodWhere(
              DescribedPredicate.describe(
                  "System.getProperty or System.getenv",
                  call ->
                      call.getTargetOwner().isEquivalentTo(System.class)
                          && (call.getName().equals("getProperty")
                              || call.getName().equals("getenv"))));

  @ArchTest
  static final ArchRule PACKAGES_ARE_NAMED_AFTER_THEIR_CONCEPT =
      noClasses()
          .should()
          .resideInAnyPackage(
              "..util..", "..utils..", "..common..", "..misc..", "..helper..", "..helpers..");
}
