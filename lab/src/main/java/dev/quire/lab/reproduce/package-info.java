/**
 * Published results of kernel mailing lists, run again on the modelled kernel: what was published
 * and what may be fitted are data files, the workloads are code, time is counts times prices.
 */
package dev.quire.lab.reproduce;
