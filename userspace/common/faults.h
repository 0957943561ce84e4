/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fault classes that libpagebox and the inspector know.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "pagebox.h"

#define FAULT_CLASSES (PAGEBOX_FAULT_FAILED + 1)

#endif /* FAULTS_H */
