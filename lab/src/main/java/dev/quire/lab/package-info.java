/** Command line, experiments, reports and benchmarks. */
package dev.quire.lab;
