import { LabIcon } from '@jupyterlab/ui-components';

const svg = (path: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><path class="jp-icon3" fill="#616161" d="${path}"/></svg>`;

export const pairsIcon = new LabIcon({
  name: 'boresight:pairs',
  svgstr: svg(
    'M2 6l9-3v13l-9 3zm2 1.4v8.8l5-1.7V5.8zM22 6l-9-3v13l9 3zm-2 1.4v8.8l-5-1.7V5.8z'
  )
});
export const jobsIcon = new LabIcon({
  name: 'boresight:jobs',
  svgstr: svg(
    'M3 4h18v4H3zm2 1.5v1h8v-1zM3 10h18v4H3zm2 1.5v1h12v-1zM3 16h18v4H3zm2 1.5v1h5v-1z'
  )
});
