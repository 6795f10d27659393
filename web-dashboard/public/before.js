// Before the first paint: language and colours as chosen last time, so that nothing flashes.
;(() => {
  let scheme = 'auto'
  try {
    scheme = localStorage.getItem('cluster-ai.theme') || 'auto'
    const language = localStorage.getItem('cluster-ai.language')
    if (language) document.documentElement.lang = language
  } catch {
    // Storage is switched off: the system's choice stands.
  }
  const dark = scheme === 'dark' || (scheme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
})()
