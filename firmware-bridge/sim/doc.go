// Package sim gives simulated devices something to measure: a seeded patient,
// or a recording from PhysioNet played back.
//
// A Source answers for any moment of elapsed time, in any order, and twice the
// same: a device simulator (in the packages below firmware-bridge/sensor) asks
// it at the instants at which its device would sample.
//
//   - Patient is made up from a seed. Its waves and its numbers agree: beats in
//     the ECG, the pleth and the arterial pressure come at the heart rate that is
//     reported. A Timeline of scenarios says what happens to the patient: in apnoea
//     the CO2 is gone at once and the oxygen later, in asystole everything stops.
//     It is a model for testing equipment, not for teaching medicine.
//   - Replay plays a Record. What the record does not hold is not made up,
//     unless another Source is named to fill in.
//
// Record is read from WFDB files (header, formats 16, 80 and 212, checksums and
// first values verified; https://physionet.org/physiotools/wag/) or from the
// signal tables of the BIDMC set; its signals are exact integers with the scale
// of a vital.Wave. Cite Goldberger et al., PhysioBank, PhysioToolkit, and
// PhysioNet, Circulation 101(23), 2000.
package sim
