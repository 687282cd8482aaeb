import { writeFileSync } from 'node:fs';
import { sourcesHash } from './sources.mjs';

writeFileSync('jupyterlab_boresight/labextension/sources.sha256', `${sourcesHash('.')}\n`);
