/** Command line, reports and benchmarks. Nothing depends on this module. */
package dev.quire.lab;
