"""Every number behind the simulated AML cohort, as data, each with its source.

The cohort is modelled on intensively treated adults without acute promyelocytic leukemia. Figures
are rates and medians of whole groups; no patient's row is in this file. Three kinds of number stand
here, told apart by the source named at each:

- `PAPAEMMANUIL`: counted in the public data table of the 1,540 patients of the three AMLSG trials,
  without their t(15;17) patients, and rounded (in classes of fewer than 50 patients coarsely,
  shares to the next 5 per cent). The table was released with `GERSTUNG`.
- another citation: taken from the paper named.
- `CHOICE`: chosen by the authors of this file, so that the simulated curves come near published
  ones. These are plausible, not measured: do not quote them.
"""

from __future__ import annotations

from typing import Final

PAPAEMMANUIL: Final = (
    "Papaemmanuil et al., N Engl J Med 2016;374:2209-2221, public data table (n = 1,540)"
)
GERSTUNG: Final = "Gerstung et al., Nat Genet 2017;49:332-340"
ELN_2022: Final = "Döhner et al., Blood 2022;140:1345-1377"
ELN_VALIDATION: Final = "Ruhnke et al., Blood Adv 2025;9:1392-1404 (n = 1,570)"
TCGA: Final = "Cancer Genome Atlas Research Network, N Engl J Med 2013;368:2059-2074 (n = 200)"
TRANSPLANT: Final = "Koreth et al., JAMA 2009;301:2349-2361 (meta-analysis)"
WHO: Final = "Arber et al., Blood 2016;127:2391-2405 (20 % blasts define AML)"
CHOICE: Final = "authors' choice"

# --- Genomic classes: the latent cause of karyotype, mutations, age and counts
# Source: PAPAEMMANUIL. Patients per class; the 51 of more than one class are left out. Published
# shares: NPM1 27 %, chromatin and spliceosome 18 %, TP53 and aneuploidy 13 %, IDH2 R172 1 %.
CLASSES: Final = {
    "NPM1": 418,
    "chromatin_spliceosome": 275,
    "TP53_aneuploidy": 199,
    "unclassified": 166,
    "inv16": 81,
    "CEBPA_biallelic": 66,
    "no_driver": 62,
    "t8_21": 60,
    "KMT2A": 44,
    "inv3": 20,
    "IDH2_R172": 18,
    "t6_9": 15,
}

# Per class, in the order above: median age; share of women, of secondary and of therapy-related
# AML, per cent; median white cells (10^9/L), LDH (U/L), marrow blasts and blood blasts (%),
# platelets (10^9/L), hemoglobin (g/dL). Source: PAPAEMMANUIL.
CLASS_MEDIANS: Final = {
    #             NPM1 chrom  TP53  uncl inv16 CEBPA  none t8_21 KMT2A  inv3  R172  t6_9
    "age":        (  49,   56,   53,   46,   39,   44,   52,   45,   50,   50,   50,   50),
    "female":     (  57,   35,   43,   45,   47,   53,   39,   37,   55,   50,   55,   65),
    "secondary":  ( 1.5,    9,    7,    4,    0,    0,    8,  1.5,    0,    5,    0,    0),
    "therapy":    (   3,  2.5,   11,    5,    5,    0,    0,    0,   25,    0,    0,    0),
    "wbc":        (28.6,  7.8,    6, 18.4, 45.6, 30.3,  1.9,  8.4,   20,   40,    2,   10),
    "ldh":        ( 510,  375,  364,  504,  592,  478,  208,  501,  400,  600,  250,  300),
    "bm_blasts":  (  80,   60,   70,   80,   80,   80,   48,   60,   85,   85,   80,   80),
    "pb_blasts":  (  38,   27,   27,   40,   52,   74,    4,   46,   45,   75,   25,   35),
    "platelet":   (  63,   62,   46,   67,   34,   41,   65,   32,   40,   80,  120,   40),
    "hb":         ( 8.9,  9.1,  8.8,  9.3,  8.9,   10,  9.8,  8.8,  9.5,  7.5,    9,    8),
}  # fmt: skip

# Per cent of each class that carries the lesion. Source: PAPAEMMANUIL (patients with a karyotype).
KARYOTYPE: Final = {
    #                         NPM1 chr TP53 unc inv16 CEB none t821 KMT inv3 R172 t69
    "normal_karyotype":       (  89,  56,   3,  66,   0,  69,  74,   0,   0,   0,  80,   0),
    "cyto_complex":           (   0,   0,  74,   0,   0,   0,   0,   0,   0,   0,   0,   0),
    "cyto_minus5_5q":         (   0,   2,  47,   0,   0,   0,   0,   0,   0,   0,   0,   0),
    "cyto_minus7":            (   0,   5,  26,   0,   0,   0,   0,   0,   0,  85,   0,   0),
    "cyto_mono17_17p_abn17p": (   0,   0,  34,   0,   0,   0,   0,   0,   0,   0,   0,   0),
    "cyto_plus8_8q":          (   3,  13,  18,  12,  16,   0,   7,   5,  15,   0,  20,   5),
    "cyto_t_9_11":            (   0,   0,   0,   0,   0,   0,   0,   0,  35,   0,   0,   0),
}  # fmt: skip

# Lesions that define a class: all of that class and no other carry it. KMT2A is t(9;11) or,
# failing that, t(v;11).
DEFINING: Final = {
    "cyto_t_8_21": "t8_21",
    "cyto_inv16_t16_16": "inv16",
    "cyto_inv3_t3_3": "inv3",
    "cyto_t_6_9": "t6_9",
}

# Per cent of each class with a driver mutation. Source: PAPAEMMANUIL. Genes are drawn in this
# order, so that a gene may depend on those above it. NPM1 and CEBPA follow the class (NPM1: all
# or none).
MUTATIONS: Final = {
    #            NPM1 chrom  TP53  uncl inv16 CEBPA  none t8_21 KMT2A  inv3  R172  t6_9
    "NPM1":      ( 100,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0),
    "FLT3_ITD":  (  39,   14,    4,   39,    5,    9,    0,    8,   10,    0,    5,   80),
    "FLT3_TKD":  (  12,    5,    4,   11,   15,  1.5,    0,    7,    0,    0,    5,    5),
    "DNMT3A":    (  54,   20,   10,   16,    1,    6,    0,    3,    5,   10,   65,    0),
    "IDH2":      (  13,   16,    4,    5,    1,    3,  1.5,    0,    0,    0,  100,    0),
    "IDH1":      (  14,   10,    2,    7,    0,    3,    0,    0,    0,    0,    0,    0),
    "TET2":      (  16,   14,  2.5,   13,    5,    8,    0,    7,    5,    0,    0,    5),
    "NRAS":      (  19,   16,   11,   13,   53,   30,    0,   10,   25,   30,    5,    0),
    "KRAS":      (   4,    5,    4,    3,   10,    4,    0,  1.5,   10,   30,    0,   20),
    "PTPN11":    (  15,    5,    9,    5,    1,    6,    0,    0,    5,   30,    0,    0),
    "RUNX1":     ( 0.5,   39,    4,    0,    0,    0,    0,    0,    0,   10,    0,    0),
    "ASXL1":     (   1,   17,  1.5,    0,    1,    0,    0,  1.5,    5,    5,    0,    0),
    "SRSF2":     (   3,   22,  1.5,    0,    0,    0,    0,  1.5,    0,    0,    0,    0),
    "SF3B1":     ( 0.5,   10,  1.5,    0,    0,    0,    0,    0,    0,   15,    0,    0),
    "U2AF1":     (   0,   11,    1,    0,    0,    0,    0,    0,    0,    5,    0,    5),
    "STAG2":     ( 2.5,   16,  1.5,    0,    1,    0,    0,    0,    0,    0,    0,    0),
    "BCOR":      (   1,    8,  1.5,    0,    0,    0,    0,    0,    0,   10,    0,    0),
    "EZH2":      ( 0.5,   10,  1.5,    0,    0,    4,    0,    7,    0,    0,    0,   15),
    "RAD21":     (   8,  1.5,  0.5,  0.5,    0,    3,    0,   10,    5,    5,   10,    5),
    "TP53":      (   0,    0,   44,    0,    0,    0,    0,    0,    0,    0,    0,    0),
    "WT1":       (   3,  2.5,  0.5,   12,  2.5,   21,    0,    5,    5,    0,    0,    0),
    "KIT":       (   2,    2,    2,    4,   15,    6,    0,   38,    0,    0,    0,    0),
    "CEBPA":     (   5,    4,    2,   11,    0,  100,    0,    0,    0,    0,    0,    0),
}  # fmt: skip

# Odds ratio of the first, given the second, within a class. The class rates above already carry
# the dependence between classes (NPM1 with DNMT3A and FLT3-ITD, RUNX1 with ASXL1 and SRSF2, KIT
# with t(8;21) and inv(16)); RUNX1, ASXL1 and SRSF2 carry no further factor (counted: about 1).
# Source: PAPAEMMANUIL, counted in the class with most pairs (NPM1, chromatin-spliceosome or TP53)
# and rounded; between the two where NPM1 and chromatin-spliceosome disagree. That one ratio holds
# in every class: CHOICE. The near exclusion of IDH1, IDH2 and TET2 is also in TCGA.
ODDS_RATIOS: Final = {
    ("cyto_minus5_5q", "cyto_complex"): 5.0,
    ("cyto_mono17_17p_abn17p", "cyto_complex"): 19.0,
    ("FLT3_TKD", "FLT3_ITD"): 0.3,
    ("DNMT3A", "FLT3_ITD"): 1.5,
    ("IDH1", "IDH2"): 0.2,
    ("TET2", "IDH1"): 0.3,
    ("TET2", "IDH2"): 0.1,
    ("NRAS", "FLT3_ITD"): 0.2,
    ("KRAS", "FLT3_ITD"): 0.35,
    ("PTPN11", "FLT3_ITD"): 0.35,
    ("PTPN11", "FLT3_TKD"): 0.3,
    ("IDH1", "DNMT3A"): 1.5,
    ("IDH2", "DNMT3A"): 1.5,
    ("RUNX1", "FLT3_ITD"): 2.7,
    ("ASXL1", "DNMT3A"): 0.3,
    ("SRSF2", "DNMT3A"): 0.4,
    ("SRSF2", "TET2"): 2.2,
    ("SF3B1", "SRSF2"): 0.2,
    ("SF3B1", "ASXL1"): 0.25,
    ("U2AF1", "SRSF2"): 0.2,
    ("U2AF1", "SF3B1"): 0.2,
    ("U2AF1", "RUNX1"): 0.15,
    ("STAG2", "TET2"): 3.0,
    ("STAG2", "SF3B1"): 0.25,
    ("BCOR", "DNMT3A"): 3.0,
    ("EZH2", "ASXL1"): 2.3,
    ("EZH2", "SRSF2"): 0.1,
    ("EZH2", "STAG2"): 2.3,
    ("WT1", "FLT3_ITD"): 3.0,
    ("TP53", "cyto_minus5_5q"): 5.0,
    ("TP53", "cyto_mono17_17p_abn17p"): 4.5,
    ("TP53", "NRAS"): 0.4,
}

# Genes of the ELN 2022 list of myelodysplasia-related mutations. ZRSR2, the ninth, is not
# simulated (0.8 %).
MYELODYSPLASIA_GENES: Final = (
    "RUNX1", "ASXL1", "SRSF2", "SF3B1", "U2AF1", "STAG2", "BCOR", "EZH2",
)  # fmt: skip
ADVERSE_KARYOTYPE: Final = (
    "cyto_complex",
    "cyto_minus5_5q",
    "cyto_minus7",
    "cyto_mono17_17p_abn17p",
    "cyto_inv3_t3_3",
    "cyto_t_6_9",
    "cyto_t_v_11",
)
RISKS: Final = ("favorable", "intermediate", "adverse")

# --- People
AGE_RANGE: Final = (18, 84)  # Source: PAPAEMMANUIL, range at enrollment
AGE_SD: Final = 11.7  # within a class. Source: PAPAEMMANUIL, rounded
OLD: Final = 60  # years; the usual border between trials of younger and of older adults
ECOG: Final = ((0.255, 0.62, 0.11, 0.0135, 0.0015), (0.17, 0.65, 0.16, 0.015, 0.005))
"""Performance status 0-4 below and from `OLD`. Source: PAPAEMMANUIL."""
CENTERS: Final = (18, 14, 12, 10, 9, 8, 7, 6, 5, 5, 3, 3)
"""Per cent of patients in each of twelve invented centers. Source: CHOICE."""

# --- Laboratory
# Spread within a class, on the scale of the draw: log, or logit for blasts. Source:
# PAPAEMMANUIL, rounded.
LABORATORY: Final = ("wbc", "ldh", "bm_blasts", "pb_blasts", "platelet", "hb")
LABORATORY_SD: Final = (1.43, 0.7, 1.5, 1.86, 0.86, 1.9)
LABORATORY_CORRELATION: Final = (
    (1.00, 0.61, 0.36, 0.54, -0.11, -0.05),
    (0.61, 1.00, 0.28, 0.40, -0.18, -0.04),
    (0.36, 0.28, 1.00, 0.47, -0.06, -0.01),
    (0.54, 0.40, 0.47, 1.00, -0.13, -0.07),
    (-0.11, -0.18, -0.06, -0.13, 1.00, 0.20),
    (-0.05, -0.04, -0.01, -0.07, 0.20, 1.00),
)
"""Spearman, all classes together (a little weaker within a class). Source: PAPAEMMANUIL."""
LABORATORY_RANGE: Final = {
    "wbc": (0.2, 530.0),
    "ldh": (80, 7600),
    "bm_blasts": (20, 100),
    "pb_blasts": (0, 100),
    "platelet": (2, 920),
    "hb": (2.5, 17.6),
}
"""Source: PAPAEMMANUIL, rounded; lower bound of marrow blasts: WHO."""
HEAPED: Final = {"bm_blasts": 0.59, "pb_blasts": 0.11}
"""Share read off to the next five. A fifth of the rest falls on a multiple of five by itself,
which makes the 67 % and 29 % counted. Source: PAPAEMMANUIL."""
# Beyond those that round to zero (7.5 % in all). Source: PAPAEMMANUIL.
NO_BLOOD_BLASTS: Final = 0.05
MISSING: Final = {
    "ecog": 0.10,
    "wbc": 0.05,
    "hb": 0.05,
    "platelet": 0.05,
    "ldh": 0.07,
    "bm_blasts": 0.08,
    "pb_blasts": 0.09,
}
"""Missing completely at random. Source: CHOICE (the AMLSG table lacks 1 % of counts, 8 % of
blasts, 11 % of ECOG)."""
MISSING_KARYOTYPE: Final = 0.07
"""No karyotype: all its columns and the ELN risk are missing together. Source: PAPAEMMANUIL
(7.9 %), rounded."""

# --- Course
# Per cent by ELN 2022 risk (favorable, intermediate, adverse), below and from `OLD`. Source:
# PAPAEMMANUIL, with the risk derived here from its columns. Older favorable patients are few
# (44), so those figures are soft. From RELAPSE on, the counts were moved, mostly by up to 5 and at
# most by 10, until the curves came near OVERALL_SURVIVAL and EVENT_FREE_SURVIVAL: CHOICE.
REMISSION: Final = ((90, 68), (71, 57), (57, 39))  # complete remission after induction
# Death before response; who is in neither is refractory.
EARLY_DEATH: Final = ((5.6, 9), (5.6, 10), (9.1, 17))
RELAPSE: Final = ((39, 51), (58, 69), (68, 82))  # of those in remission, in the end
DEATH_IN_REMISSION: Final = ((4, 8), (6, 9), (8, 8))  # of those in remission, without relapse
TRANSPLANT_FIRST_REMISSION: Final = ((30, 5), (50, 20), (57, 24))  # of those in remission
SALVAGE: Final = ((36, 10), (20, 8), (16, 7))  # alive long after relapse
REFRACTORY_ALIVE: Final = ((38, 3), (36, 8), (15, 3))  # alive long after refractory disease
TRANSPLANT_REFRACTORY: Final = ((75, 5), (85, 20), (75, 14))  # planned; some die before

# Odds ratios on top of those rates, which they leave unchanged on average. Source: CHOICE,
# directions as published: NPM1 with DNMT3A and FLT3-ITD relapses more (PAPAEMMANUIL); transplant
# in first remission lowers relapse and raises death in remission, with a relapse-free survival
# hazard ratio of 0.80 overall (TRANSPLANT).
REMISSION_ODDS: Final = {"mut_TP53": 0.5, "secondary": 0.6, "decade": 0.9, "leukocytosis": 0.6}
EARLY_DEATH_ODDS: Final = {"leukocytosis": 2.0}
RELAPSE_ODDS: Final = {"transplant": 0.45, "triple": 2.5, "mut_TP53": 2.5, "decade": 1.05}
DEATH_IN_REMISSION_ODDS: Final = {"transplant": 3.0, "decade": 1.2}
SALVAGE_ODDS: Final = {"transplant": 8.0, "mut_TP53": 0.3}
LEUKOCYTOSIS: Final = 100.0  # 10^9/L; the usual border of hyperleukocytosis

# Log-normal times in days: median and standard deviation of the log. Remission, refractory disease
# and transplant: medians and 10-90 % ranges of PAPAEMMANUIL, rounded. The others: CHOICE, so that
# the curves come near OVERALL_SURVIVAL and EVENT_FREE_SURVIVAL.
EARLY_DEATH_DAYS: Final = (31, 0.6)
REMISSION_DAYS: Final = (38, 0.5)
REFRACTORY_DAYS: Final = (38, 0.5)
TO_TRANSPLANT_DAYS: Final = (103, 0.4)  # from remission, or from refractory disease or relapse
# By risk, from remission or transplant.
TO_RELAPSE_DAYS: Final = ((330, 0.65), (195, 0.65), (170, 0.65))
TO_DEATH_IN_REMISSION_DAYS: Final = (170, 0.9)
RELAPSE_TO_DEATH_DAYS: Final = ((260, 1.1), (120, 1.1), (160, 1.1))  # by risk
REFRACTORY_TO_DEATH_DAYS: Final = ((260, 0.9), (260, 0.9), (220, 0.9))
TRANSPLANT_TYPES: Final = {
    "matched unrelated": 0.50,
    "matched related": 0.37,
    "autologous": 0.11,
    "haploidentical": 0.02,
}
"""Of transplants of known donor. Source: PAPAEMMANUIL. Drawn apart from all else: CHOICE."""
FOLLOW_UP_DAYS: Final = (2155, 0.4)
"""Potential follow-up; median 5.9 years. Source: PAPAEMMANUIL; spread: CHOICE."""
LOST: Final = (0.03, 200, 1500)  # share lost early, and between which days. Source: CHOICE
LAST_DAY: Final = 5400  # Source: PAPAEMMANUIL (longest follow-up 5,384 days)
MORTALITY: Final = (1.5e-5, 0.095)
"""Other deaths: hazard per year a * exp(b * age), 0.2 % at 50 and 1 % at 70. Source: CHOICE."""

# --- What a cohort must look like; the tests hold the simulator to it
# Survival in per cent at one, three and five years by ELN 2022 risk. Source: PAPAEMMANUIL, risk
# derived here.
OVERALL_SURVIVAL: Final = ((86, 69, 63), (65, 43, 38), (56, 25, 21))
EVENT_FREE_SURVIVAL: Final = ((71, 51, 48), (37, 24, 21), (22, 9, 7))
RISK_SHARES: Final = ((32, 32, 36), (37, 26, 37))
"""Per cent by risk. Sources: PAPAEMMANUIL, risk derived here; ELN_VALIDATION."""
