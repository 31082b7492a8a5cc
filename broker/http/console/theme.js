// SPDX-License-Identifier: Apache-2.0
// Before the first paint: the colours that were chosen here; without a choice, the system's.
try {
  const chosen = localStorage.getItem('roost-theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // No storage: the system's.
}
